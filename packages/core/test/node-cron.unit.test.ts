import { nodeCron } from "@waybill/core";
import { afterEach, expect, test, vi } from "vitest";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

test("a tick that falls into a running one is left out, and nobody is told on the console", async () => {
  vi.useFakeTimers({ now: 1_700_000_000_000 });
  const said = (["warn", "info", "error", "debug"] as const).map((level) =>
    vi.spyOn(console, level).mockImplementation(() => undefined),
  );
  const { promise, resolve } = Promise.withResolvers<void>();
  let started = 0;
  const task = nodeCron.schedule("* * * * * *", () => {
    started += 1;
    return promise;
  });
  await vi.advanceTimersByTimeAsync(4_500);
  expect(started).toBe(1);
  resolve();
  await vi.advanceTimersByTimeAsync(2_000);
  expect(started).toBeGreaterThan(1);
  task.stop();
  expect(said.flatMap(({ mock }) => mock.calls)).toEqual([]);
});

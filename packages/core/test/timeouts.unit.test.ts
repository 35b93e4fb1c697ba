import { AsyncLocalStorage } from "node:async_hooks";
import { manualClock } from "@waybill/conformance";
import { expect, test } from "vitest";
import { createTimeouts } from "../src/consumer/timeouts.ts";

test("each timeout ends at its own time, whichever began first, unless it is cancelled", () => {
  const clock = manualClock();
  const timeouts = createTimeouts(clock);
  const ended: string[] = [];
  const begin = (name: string, ms: number): (() => void) => {
    const timeout = timeouts.after(ms, () => ended.push(`${name} at ${clock.monotonicMs()}`));
    return () => timeouts.cancel(timeout);
  };
  const cancelOldest = begin("oldest", 100);
  begin("long", 500);
  clock.advance(30);
  begin("second", 100);
  const cancelThird = begin("third", 100);
  clock.advance(30);
  begin("last", 100);
  cancelOldest();
  cancelThird();
  clock.advance(1_000);
  expect(ended).toEqual(["second at 130", "last at 160", "long at 500"]);
  begin("later", 100);
  clock.advance(100);
  expect(ended.at(-1)).toBe("later at 1160");
});

test("no timer waits when no timeout does, and none runs in what another message began", () => {
  const clock = manualClock();
  let timers = 0;
  const counting: typeof clock = {
    ...clock,
    after(ms, action) {
      timers += 1;
      const cancel = clock.after(ms, action);
      return () => {
        timers -= 1;
        cancel();
      };
    },
  };
  const timeouts = createTimeouts(counting);
  const first = timeouts.after(50, () => undefined);
  const second = timeouts.after(50, () => undefined);
  expect(timers).toBe(1);
  timeouts.cancel(first);
  timeouts.cancel(second);
  expect(timers).toBe(0);
  const scope = new AsyncLocalStorage<string>();
  const seen: unknown[] = [];
  scope.run("a message", () => timeouts.after(50, () => seen.push(scope.getStore())));
  clock.advance(50);
  expect(seen).toEqual([undefined]);
});

import { expect, test } from "vitest";
import { isRunning, spawnTs, waitFor } from "@waybill/services";
import { testProcess } from "@waybill/services/vitest";

const printsAndWaits = new URL("fixtures/prints-and-waits.ts", import.meta.url);
const startsAChild = new URL("fixtures/starts-a-child.ts", import.meta.url);

test("runs a TypeScript file on the sources, with its arguments and environment", async () => {
  const child = testProcess(printsAndWaits, ["one", "two"], { env: { FLAVOUR: "sweet" } });
  await expect(child.ready()).resolves.toEqual({ event: "ready", args: ["one", "two"], flavour: "sweet" });
  await expect(child.line((line) => line["event"] === "later")).resolves.toMatchObject({ part: true });
  expect(child.lines).toHaveLength(2);
  expect(child.output).toEqual(["plain text"]);
});

test("tells how the process ended", async () => {
  const child = testProcess(printsAndWaits);
  await child.ready();
  child.kill("SIGTERM");
  await expect(child.exited).resolves.toEqual({ code: 7, signal: null });
});

test("waiting for a line fails with the output when the process ends before", async () => {
  const child = testProcess(new URL("fixtures/is-not-there.ts", import.meta.url));
  await expect(child.ready()).rejects.toThrow(/ended \(1\) before the line came[^]*Cannot find module/);
});

test("dispose kills the process and waits for its end", async () => {
  let pid: number;
  {
    await using child = spawnTs(printsAndWaits);
    await child.ready();
    pid = child.pid;
    expect(isRunning(pid)).toBe(true);
  }
  expect(isRunning(pid)).toBe(false);
});

test.each(["SIGTERM", "SIGKILL"] as const)(
  "a process does not outlive a parent that got %s",
  async (signal) => {
    const parent = testProcess(startsAChild);
    const { childPid } = await parent.ready();
    parent.kill(signal);
    await parent.exited;
    await waitFor(() => !isRunning(childPid as number), {
      describe: `the end of process ${String(childPid)}`,
    });
  },
);

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const vitest = fileURLToPath(new URL("../vitest.mjs", import.meta.resolve("vitest")));
const config = join(import.meta.dirname, "fixtures", "vitest.config.ts");

test.each([
  ["green", "1 passed, 0 failed, 0 skipped", 0],
  ["mixed", "1 passed, 1 failed, 1 skipped", 1],
  ["broken-import", "0 passed, 1 failed, 0 skipped", 1],
  ["broken-hook", "1 passed, 1 failed, 1 skipped", 1],
  ["unhandled", "1 passed, 1 failed, 0 skipped", 1],
  ["all-skipped", "0 passed, 0 failed, 1 skipped", 1],
  ["no-such-file", "0 passed, 0 failed, 0 skipped", 1],
])("the last line and the exit code of a run: %s", (name, line, exitCode) => {
  const { stdout, status } = spawnSync(process.execPath, [vitest, "run", "--config", config], {
    encoding: "utf8",
    env: { ...process.env, SUMMARY_CASE: name },
  });
  expect({ last: stdout.trimEnd().split("\n").at(-1), status }).toEqual({ last: line, status: exitCode });
});

test("what could not run is said before the last line, once, with the way to get it", () => {
  const { stdout, status } = spawnSync(process.execPath, [vitest, "run", "--config", config], {
    encoding: "utf8",
    env: { ...process.env, SUMMARY_CASE: "missing-part", WAYBILL_REQUIRE: "" },
  });
  expect(stdout.trimEnd().split("\n").slice(-2)).toEqual([
    "skipped for want of printing press: there is none: build one",
    "1 passed, 0 failed, 1 skipped",
  ]);
  expect(status).toBe(0);
});

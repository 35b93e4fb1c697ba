import { existsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "@waybill/services";
import { testProcess } from "@waybill/services/vitest";

const fixture = new URL("fixtures/makes-a-folder.ts", import.meta.url);

test("is private, and gone with its content after remove", async () => {
  const folder = temporaryFolder("waybill-test");
  expect(statSync(folder.path).mode & 0o777).toBe(0o700);
  writeFileSync(join(folder.path, "file"), "content");
  await folder.remove();
  expect(existsSync(folder.path)).toBe(false);
  await folder.remove();
});

test("is gone after the normal end of its process", async () => {
  const child = testProcess(fixture);
  const { path } = await child.ready();
  await expect(child.exited).resolves.toEqual({ code: 0, signal: null });
  expect(existsSync(path as string)).toBe(false);
});

test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
  "is gone after %s, which still ends the process",
  async (signal) => {
    const child = testProcess(fixture, ["hang"]);
    const { path } = await child.ready();
    expect(existsSync(path as string)).toBe(true);
    child.kill(signal);
    await expect(child.exited).resolves.toEqual({ code: null, signal });
    expect(existsSync(path as string)).toBe(false);
  },
);

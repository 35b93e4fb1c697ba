import { testFolder, testProcess } from "@waybill/services/vitest";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { withLockFile } from "../src/process/with-lock-file.ts";

const fixture = new URL("fixtures/holds-a-lock.ts", import.meta.url);

test("lets one after the other work, also after a failure", async () => {
  const file = join(testFolder(), "lock");
  let working = 0;
  let most = 0;
  const work = async (): Promise<void> => {
    working += 1;
    most = Math.max(most, working);
    await new Promise(setImmediate);
    working -= 1;
  };
  await expect(withLockFile(file, 1_000, () => Promise.reject(new Error("failed")))).rejects.toThrow(
    "failed",
  );
  await Promise.all([1, 2, 3].map(() => withLockFile(file, 5_000, work)));
  expect(most).toBe(1);
  expect(existsSync(file)).toBe(false);
});

test("waits for another process, and takes over when that is killed", async () => {
  const file = join(testFolder(), "lock");
  const holder = testProcess(fixture, [file]);
  await holder.ready();
  const work = () => Promise.resolve("done");
  await expect(withLockFile(file, 300, work)).rejects.toThrow(`which process ${holder.pid} holds`);
  holder.kill("SIGKILL");
  await holder.exited;
  await expect(withLockFile(file, 5_000, work)).resolves.toBe("done");
});

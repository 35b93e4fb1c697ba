import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { openLog } from "@waybill/log";
import { temporaryDirectory, texts } from "./log-fixture.ts";

const CHILD = fileURLToPath(new URL("fixtures/owner-child.ts", import.meta.url));

test("another process is refused with the pid of the owner, and kill -9 frees the directory", async () => {
  const directory = await temporaryDirectory();
  const child = spawn(process.execPath, ["--conditions=waybill-source", CHILD, directory], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const exited = once(child, "exit");
  await once(child.stdout, "data");
  await expect(openLog({ directory })).rejects.toMatchObject({ code: "LOG_OWNED", ownerPid: child.pid });
  child.kill("SIGKILL");
  await exited;
  await using log = await openLog({ directory });
  expect(await texts(log)).toEqual(["from the owner"]);
  expect(stderr).not.toContain("ExperimentalWarning");
});

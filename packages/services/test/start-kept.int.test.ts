import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { ServerNode } from "../src/process/server-node.ts";
import { startKept } from "../src/process/start-kept.ts";

/** A server that says something and ends. */
function shell(folder: string, script: string): ServerNode {
  return new ServerNode({
    name: "a shell",
    folder,
    command: "/bin/sh",
    args: ["-c", script],
    isReady: () => false,
  });
}

test("starts again with other ports when one was taken, and removes the folder of each attempt", async () => {
  const folders: string[] = [];
  const started = startKept("waybill-test", undefined, async (kept) => {
    folders.push(kept.path);
    await shell(kept.path, "echo 'bind: Address already in use'; exit 1").start();
  });
  await expect(started).rejects.toThrow("a shell ended at start:\nbind: Address already in use");
  expect(folders).toHaveLength(5);
  expect(folders.filter((folder) => existsSync(folder))).toEqual([]);
});

test("does not try again what fails otherwise, or cannot be", async () => {
  let attempts = 0;
  const started = startKept("waybill-test", undefined, async (kept) => {
    attempts += 1;
    await shell(kept.path, "echo 'no such option'; exit 1").start();
  });
  await expect(started).rejects.toThrow("no such option");
  expect(attempts).toBe(1);
  await expect(startKept("waybill-test", "not installed", () => Promise.resolve())).rejects.toThrow(
    "not installed",
  );
});

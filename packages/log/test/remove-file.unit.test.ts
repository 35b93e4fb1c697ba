import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { nodeFileSystem } from "../src/system/node-file-system.ts";
import { temporaryDirectory } from "./log-fixture.ts";

test("a large file loses its name at once and its space in pieces; a missing one is no error", async () => {
  const folder = await temporaryDirectory();
  const path = join(folder, "large");
  const bytes = 9 * 1024 * 1024 + 1;
  const file = await open(path, "wx+");
  await file.write(Buffer.alloc(bytes, 1));
  const sizes = new Set<number>();
  let names: readonly string[] | null = null;
  const removed = nodeFileSystem.remove(path);
  const watching = new AbortController();
  void removed.finally(() => watching.abort());
  while (!watching.signal.aborted) {
    const { size } = await file.stat();
    sizes.add(size);
    if (size < bytes) names ??= await readdir(folder);
  }
  await removed;
  expect(names).toEqual([]);
  expect(sizes.size).toBeGreaterThan(3);
  await file.close();
  await expect(stat(path)).rejects.toMatchObject({ code: "ENOENT" });
  await nodeFileSystem.remove(path);
});

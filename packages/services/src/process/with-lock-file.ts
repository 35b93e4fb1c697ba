import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { isRunning } from "./is-running.ts";
import { waitFor } from "./wait-for.ts";

/**
 * Runs `work` while no other process of this machine runs anything under the same lock file. Waits for that at most
 * `deadlineMs`. The lock of a process that died with it is taken over.
 */
export async function withLockFile<T>(file: string, deadlineMs: number, work: () => Promise<T>): Promise<T> {
  const describe = (): string => `the lock ${file}, which process ${ownerOf(file)} holds`;
  await waitFor(() => isTaken(file), { deadlineMs, intervalMs: 100, describe });
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

function isTaken(file: string): boolean {
  try {
    writeFileSync(file, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  const owner = ownerOf(file);
  if (owner !== undefined && !isRunning(owner)) rmSync(file, { force: true });
  return false;
}

/** Undefined while the owner is just writing its id. */
function ownerOf(file: string): number | undefined {
  try {
    const pid = Number(readFileSync(file, "utf8"));
    return pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

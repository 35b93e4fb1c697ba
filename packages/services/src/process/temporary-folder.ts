import { mkdtempSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atProcessEnd } from "./at-process-end.ts";

export interface TemporaryFolder extends AsyncDisposable {
  /** Absolute path; mode 0700. */
  readonly path: string;
  /** Removes the folder and what is in it. Can be called twice. */
  remove(): Promise<void>;
}

/** An own, empty folder (0700) that is removed when it is disposed, and at the latest when this process ends. */
export function temporaryFolder(prefix: string): TemporaryFolder {
  const path = mkdtempSync(join(tmpdir(), `${prefix}-`));
  const withdraw = atProcessEnd(() => rmSync(path, { recursive: true, force: true }));
  const remove = async (): Promise<void> => {
    await rm(path, { recursive: true, force: true, maxRetries: 3 });
    withdraw();
  };
  return { path, remove, [Symbol.asyncDispose]: remove };
}

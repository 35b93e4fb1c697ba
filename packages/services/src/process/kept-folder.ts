import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface KeptFolder extends AsyncDisposable {
  /** Absolute path; mode 0700. */
  readonly path: string;
  /** Kills the processes of the folder and removes it. Can be called twice. */
  remove(): Promise<void>;
}

/**
 * An own, empty folder (0700) that is removed together with the processes that belong to it: by `remove`, at the end of
 * this process, and after its SIGKILL too. A process of its own, the keeper, watches for that; it does not keep this
 * process alive.
 */
export function keptFolder(prefix: string): KeptFolder {
  const path = mkdtempSync(join(tmpdir(), `${prefix}-`));
  const keeper = spawn(process.execPath, [fileURLToPath(new URL("keeper.ts", import.meta.url)), path], {
    cwd: "/",
    detached: true, // Ctrl-C is for this process; the keeper learns of its end by the closing pipe.
    stdio: ["pipe", "ignore", "inherit"],
  });
  const ended = once(keeper, "close");
  ended.catch(() => undefined);
  const pipe = keeper.stdin as typeof keeper.stdin & Refable;
  pipe.on("error", () => undefined); // A keeper that is gone shows as its end.
  pipe.unref();
  keeper.unref();
  const remove = async (): Promise<void> => {
    keeper.ref();
    pipe.ref();
    pipe.end();
    await ended;
  };
  return { path, remove, [Symbol.asyncDispose]: remove };
}

interface Refable {
  ref(): void;
  unref(): void;
}

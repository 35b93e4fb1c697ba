import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { atProcessEnd } from "./at-process-end.ts";
import { findProgram } from "./find-program.ts";
import { temporaryFolder } from "./temporary-folder.ts";

export interface SmallDisk extends AsyncDisposable {
  readonly path: string;
}

/** Why no disk of a given size can be made here, for `requirePart("tmpfs", …)`; undefined when one can. */
export function whyNoSmallDisk(): string | undefined {
  if (findProgram("mount") === undefined || findProgram("umount") === undefined) return "there is no mount";
  const folder = temporaryFolder("waybill-mount");
  try {
    mount(folder.path, 1024 * 1024);
    unmount(folder.path);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    rmSync(folder.path, { recursive: true, force: true });
  }
}

/** A file system of its own in memory, full at `bytes`. It is gone when it is disposed or this process ends. */
export function smallDisk(bytes: number): SmallDisk {
  const folder = temporaryFolder("waybill-disk");
  mkdirSync(folder.path, { recursive: true });
  mount(folder.path, bytes);
  const withdraw = atProcessEnd(() => unmount(folder.path));
  return {
    path: folder.path,
    async [Symbol.asyncDispose]() {
      unmount(folder.path);
      withdraw();
      await folder.remove();
    },
  };
}

function mount(path: string, bytes: number): void {
  run("mount", ["-t", "tmpfs", "-o", `size=${bytes},mode=0700`, "waybill", path]);
}

/** Lazily: whatever still holds a file open does not keep the name. */
function unmount(path: string): void {
  run("umount", ["--lazy", path]);
}

function run(command: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command}: ${stderr.trim()}`);
}

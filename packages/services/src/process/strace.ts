import { spawnSync } from "node:child_process";
import { findProgram } from "./find-program.ts";

/** One call of the operating system that fails: the `nth` of each thread, with `error`. */
export interface InjectedFault {
  /** Names of system calls, `fdatasync` for example. */
  readonly calls: readonly string[];
  /** `EIO`, `ENOSPC`, … */
  readonly error: string;
  readonly nth: number;
}

/** Why no system call can be made to fail here, for `requirePart("strace", …)`; undefined when one can. */
export function whyNoStrace(): string | undefined {
  const strace = findProgram("strace");
  if (strace === undefined)
    return "strace cannot be found: on Debian, scripts/install-debian-parts.sh installs it";
  const { status, stderr } = spawnSync(strace, ["-f", "-qq", "-o", "/dev/null", "true"], {
    encoding: "utf8",
  });
  return status === 0 ? undefined : `strace cannot watch a process here: ${stderr.trim()}`;
}

/** What to put before a command so that the fault happens in it and in all its threads. */
export function straceCommand({ calls, error, nth }: InjectedFault): readonly string[] {
  const names = calls.join(",");
  const inject = `inject=${names}:error=${error}:when=${nth}`;
  return [
    findProgram("strace") ?? "strace",
    "-f",
    "-qq",
    "-o",
    "/dev/null",
    "-e",
    `trace=${names}`,
    "-e",
    inject,
  ];
}

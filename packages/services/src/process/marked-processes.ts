import { readdirSync, readFileSync } from "node:fs";
import { isRunning } from "./is-running.ts";
import { waitFor } from "./wait-for.ts";

/** The environment variable that names the folder a process belongs to. Its children inherit it, whoever adopts them. */
export const folderMark = "WAYBILL_SERVICE_FOLDER";

/** Why processes cannot be found by their mark here; undefined where they can. */
export function whyNoMarkedProcesses(): string | undefined {
  return process.platform === "linux" ? undefined : "it is started natively on Linux only";
}

/** The running processes of a folder and of the folders in it. Needs Linux. */
export function markedProcesses(folder: string): number[] {
  const pids = readdirSync("/proc").map(Number);
  return pids.filter((pid) => pid > 1 && pid !== process.pid && isOf(folder, pid));
}

/** Those of them that no other of them started: they pass on to the rest that it should end. */
export function markedRoots(folder: string): number[] {
  const pids = markedProcesses(folder);
  return pids.filter((pid) => !pids.includes(parentOf(pid)));
}

/** Sends a signal to processes, those of a folder or some of them. */
export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // It ended between the look and the signal.
    }
  }
}

/** Kills all processes of a folder, also those that they start meanwhile, and waits for their end. */
export async function killMarked(folder: string): Promise<void> {
  // A large one loses its environment, and with it the mark, a moment before it has ended and its ports are free.
  const killed = new Set<number>();
  await waitFor(
    () => {
      const pids = markedProcesses(folder);
      signalAll(pids, "SIGKILL");
      for (const pid of pids) killed.add(pid);
      return markedProcesses(folder).length === 0 && ![...killed].some(isRunning);
    },
    { describe: () => `the end of the processes ${[...killed].filter(isRunning).join(", ")}` },
  );
}

function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return 0; // It has ended by now.
  }
}

/** The environment of a process that has ended but is not reaped is empty: it does not count. */
function isOf(folder: string, pid: number): boolean {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, "utf8");
    const mark = environment.split("\0").find((entry) => entry.startsWith(`${folderMark}=`));
    return mark !== undefined && `${mark.slice(folderMark.length + 1)}/`.startsWith(`${folder}/`);
  } catch {
    return false; // It has ended by now, or belongs to somebody else.
  }
}

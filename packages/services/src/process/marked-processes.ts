import { readdirSync, readFileSync } from "node:fs";
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

/** Sends a signal to all processes of a folder. */
export function signalMarked(folder: string, signal: NodeJS.Signals): void {
  for (const pid of markedProcesses(folder)) {
    try {
      process.kill(pid, signal);
    } catch {
      // It ended between the look and the signal.
    }
  }
}

/** Kills all processes of a folder, also those that they start meanwhile, and waits for their end. */
export async function killMarked(folder: string): Promise<void> {
  await waitFor(
    () => {
      signalMarked(folder, "SIGKILL");
      return markedProcesses(folder).length === 0;
    },
    { describe: () => `the end of the processes ${markedProcesses(folder).join(", ")}` },
  );
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

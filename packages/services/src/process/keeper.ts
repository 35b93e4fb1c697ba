// Watches one folder for the process that made it: when the pipe to that process closes, because it wants it so, has
// ended, or was killed, the processes that belong to the folder are killed and the folder is removed.
import { rmSync } from "node:fs";
import { killMarked } from "./marked-processes.ts";

const folder = process.argv[2];
if (folder === undefined) throw new Error("which folder?");

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
process.stdin.resume();
process.stdin.on("error", () => undefined);
process.stdin.on("close", () => {
  void killMarked(folder).finally(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));
});

// Runs one PostgreSQL server for another process and outlives it just long enough to clean up: when the pipe to
// that process closes (it stopped the server, ended, or was killed), the server is stopped and its data removed.
import { createInterface } from "node:readline";
import { PostgresProcess } from "./postgres-process.ts";
import type { SupervisorReply, SupervisorRestart, SupervisorStart } from "./supervisor-protocol.ts";

const requests = createInterface(process.stdin);
let server: PostgresProcess | undefined;

process.stdout.on("error", () => undefined); // Nobody reads any more: the end of the input says so too.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => requests.close());

try {
  for await (const line of requests) await handle(line);
} catch (error) {
  reply({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
} finally {
  await server?.stop("fast");
  server?.removeFolder();
  process.stdin.destroy();
}

async function handle(line: string): Promise<void> {
  const request = JSON.parse(line) as SupervisorStart | SupervisorRestart;
  if ("restart" in request) {
    await server?.stop(request.restart);
  } else {
    server = new PostgresProcess(request);
  }
  if (!server) throw new Error("the server was never started");
  await server.start();
  reply({ kind: "ready", postgresPid: server.pid, folder: server.folder });
}

function reply(message: SupervisorReply): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

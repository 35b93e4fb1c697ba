import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import type { RabbitmqServer } from "@waybill/services";

const COMMAND = "/usr/lib/rabbitmq/bin/rabbitmqctl";
const TIMEOUT_MS = 60_000;

/** Runs a command of `rabbitmqctl` against a server that a test started, in the environment of that server. */
export async function rabbitmqctl(server: RabbitmqServer, ...args: string[]): Promise<string> {
  const environments = await Promise.all(server.pids.map(environmentOf));
  const env = environments.find((one) => one["RABBITMQ_NODENAME"] === server.nodename);
  if (env === undefined) throw new Error(`${server.nodename} is not running`);
  const { stdout } = await promisify(execFile)(COMMAND, args, { env, timeout: TIMEOUT_MS });
  return stdout;
}

async function environmentOf(pid: number): Promise<Record<string, string>> {
  const text = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
  const entries = text.split("\0").map((line): [string, string] => {
    const end = line.indexOf("=");
    return [line.slice(0, end), line.slice(end + 1)];
  });
  return Object.fromEntries(entries);
}

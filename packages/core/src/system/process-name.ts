import { hostname } from "node:os";
import type { Random } from "../ports/random.ts";

/** Names this process in leases and job records: host, process id, and a part that no restart repeats. */
export function processName(random: Random): string {
  return `${hostname()}:${process.pid}:${Buffer.from(random.bytes(4)).toString("hex")}`;
}

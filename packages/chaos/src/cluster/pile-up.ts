import { waitFor } from "@waybill/services";
import type { TcpForwarder } from "../tcp-forwarder.ts";
import { messagesIn } from "./management.ts";

const ENOUGH = 100;

/** Cuts the line on which messages leave a queue, and waits until a hundred that are confirmed wait in it. */
export async function pileUp(line: TcpForwarder, managementUrl: string, queue: string): Promise<void> {
  line.cut();
  await waitFor(async () => (await messagesIn(managementUrl, queue)) >= ENOUGH, {
    deadlineMs: 60_000,
    describe: `${ENOUGH} messages to wait in ${queue}`,
  });
}

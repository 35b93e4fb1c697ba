import { rabbitmqBroker } from "@waybill/rabbitmq";
import { pileUp } from "../src/cluster/pile-up.ts";
import type { Site } from "../src/cluster/open-site.ts";
import type { clusterBed } from "./cluster-bed.ts";

/** Two brokers, messages going from `a` to `b`. */
export interface TwoSites {
  readonly a: Site;
  readonly b: Site;
  /** The site whose line carries the messages. */
  readonly carrier: Site;
  /** Where those that cannot leave wait, at `a`. */
  readonly queue: string;
}

/** While orders flow, cuts the line between two brokers and kills each of them, and expects that no effect is missing or double. */
export async function cutAndKill(
  bed: ReturnType<typeof clusterBed>,
  { a, b, carrier, queue }: TwoSites,
): Promise<void> {
  const cut = (): Promise<void> => pileUp(carrier.line, a.server.managementUrl, queue);
  const mend = (): void => carrier.line.forwardTo(carrier.server.url);
  const flow = await bed.openFlow(
    rabbitmqBroker({ url: a.server.url }),
    rabbitmqBroker({ url: b.server.url }),
  );
  const endSending = flow.keepSending();
  await cut();
  await bed.timed(flow, "the link was cut and is back", mend);
  await bed.timed(flow, "site B is killed and started again", async () => {
    await b.server.kill();
    await b.server.start();
  });
  await cut();
  await bed.timed(flow, "site A is killed with a hundred messages waiting, and started again", async () => {
    await a.server.kill();
    await a.server.start();
    mend();
  });
  await endSending();
  await bed.expectFlawless(flow, 100);
}

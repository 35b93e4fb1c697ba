import { expect, onTestFinished, test } from "vitest";
import type { Envelope } from "@waybill/core";
import { rabbitmqBroker } from "@waybill/rabbitmq";
import { startBed } from "./support/server-bed.ts";
import { fates, history, leaseOf } from "./support/relay.ts";

const GROUP = "billing";
const PARTITIONS = 5;

test.each([
  [1, 40],
  [1, 4],
  [2, 40],
])(
  "a queue that is full now and then, %i calls at a time, %i unconfirmed: none passes a refused one of its partition",
  async (calls, confirmWindow) => {
    const bed = await startBed();
    const broker = rabbitmqBroker({
      url: bed.url,
      positions: true,
      queueType: "classic",
      confirmWindow,
      queueArguments: { "x-max-length": Math.ceil(confirmWindow / 2), "x-overflow": "reject-publish" },
    });
    onTestFinished(() => broker[Symbol.asyncDispose]());
    await broker.open();
    const all = history(PARTITIONS)(1_500);
    await broker.declareGroup(GROUP, ["order.placed"]);
    const stored: string[] = [];
    const consumer = await (await bed.connect()).createChannel();
    // It is slower than the publisher, so that the queue is full again and again.
    await consumer.prefetch(1);
    await consumer.consume(`waybill.${GROUP}`, (message) => {
      if (message === null) return;
      stored.push(String(message.properties.messageId));
      if (stored.length < all.length) setImmediate(() => consumer.ack(message));
    });
    const seen = new Set<string>();
    let pending: readonly Envelope[] = all;
    while (pending.length > 0) {
      // Of two, the refusals of one reach the other while it is on its way.
      const batches = Array.from({ length: calls }, (_, index) =>
        pending.slice(index * 300, index * 300 + 300),
      );
      const answers = batches.map(async (batch) => {
        const own = fates(await broker.publish(batch, leaseOf(1)));
        expectPrefixes(batch, own);
        return own;
      });
      const results = (await Promise.all(answers)).flat();
      for (const fate of results) seen.add(fate);
      pending = pending.filter((_, index) => results[index] !== "confirmed");
    }
    expect(seen).toEqual(new Set(["confirmed", "BROKER_REFUSED", "held"]));
    await expect.poll(() => stored.length, { timeout: 8_000 }).toBeGreaterThanOrEqual(all.length);
    expect(new Set(stored).size).toBe(stored.length);
    // Calls at the same time have no order between them.
    if (calls > 1) return;
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const own = all.filter((envelope) => envelope.partition === partition).map(({ id }) => id);
      const ids = new Set(own);
      expect(stored.filter((id) => ids.has(id))).toEqual(own);
    }
  },
);

/** In each partition: confirmed ones, then a refused or held one, and nothing that was confirmed behind it. */
function expectPrefixes(batch: readonly Envelope[], results: readonly string[]): void {
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    const own = results.filter((_, index) => batch[index]?.partition === partition);
    const end = own.findIndex((fate) => fate !== "confirmed");
    if (end < 0) continue;
    expect(["BROKER_REFUSED", "held"]).toContain(own[end]);
    expect(own.slice(end + 1).filter((fate) => fate !== "held")).toEqual([]);
  }
}

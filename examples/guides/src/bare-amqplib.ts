import type { Waybill } from "@waybill/core";
import type { Channel, ConsumeMessage } from "amqplib";
import type { Knex } from "knex";

/** What the producer puts into a message. */
const sku = (message: ConsumeMessage): string =>
  (JSON.parse(message.content.toString()) as { sku: string }).sku;

/** A consumer of amqplib's own, which applies each message once. */
export async function consume(waybill: Waybill<Knex.Transaction>, channel: Channel): Promise<void> {
  const apply = waybill.idempotent(
    async (message: ConsumeMessage) => {
      const tx = waybill.currentTransaction();
      await tx("stock")
        .where({ sku: sku(message) })
        .decrement("available", 1);
    },
    { group: "inventory", id: ({ properties }) => properties.messageId as string },
  );

  const deliver = async (message: ConsumeMessage | null): Promise<void> => {
    if (message === null) return;
    try {
      await apply(message);
      channel.ack(message); // after the commit: a crash in between brings the message again, and nothing happens twice
    } catch {
      channel.nack(message); // comes again at once, for as long as it fails
    }
  };
  await channel.consume("orders", (message) => void deliver(message));
}

import { storedMessages, swapStoredMessages, type StoredMessage } from "@waybill/broker/internal";
import type { Knex } from "knex";
import { groupedBy } from "../audit/finding.ts";
import type { Saboteur } from "./saboteur.ts";

/** Two orders of one customer that the broker has confirmed, the inventory has not handled, and that fit each other. */
const HAS_PAIR = `
  select 1
  from waybill.outbox as message
  where message.topic = 'order.placed'
    and pg_visible_in_snapshot(
      message.xid,
      (select from_snapshot from waybill.relay_progress order by id desc limit 1)
    )
    and not exists (
      select from waybill.inbox as applied
      where applied.consumer_group = 'inventory' and applied.message_id = message.message_id
    )
  group by message.key, octet_length(message.payload)
  having count(*) > 1
  limit 1`;

/** Exchanges two messages of one customer in the broker's data directory, between their confirm and their delivery. */
export const swapMessages: Saboteur = {
  async prepare({ knex, until }) {
    const hold = await holdInventory(knex);
    await until("two messages of one customer in the broker", async () => {
      const { rows } = await knex.raw<{ rows: unknown[] }>(HAS_PAIR);
      return rows.length > 0;
    });
    return hold;
  },
  async tamper({ knex, brokerDataDir }) {
    const pair = await findPair(knex, brokerDataDir);
    await swapStoredMessages(brokerDataDir, ...pair);
    const [one, other] = pair.map(orderIdOf);
    return `the stored messages of orders ${one} and ${other} changed places in the broker's log`;
  },
};

/** Lets the inventory wait in front of its shelves, so that messages pile up in the broker. */
async function holdInventory(knex: Knex): Promise<AsyncDisposable> {
  const tx = await knex.transaction();
  await tx.raw("lock table stock in exclusive mode");
  return {
    async [Symbol.asyncDispose]() {
      await tx.rollback();
    },
  };
}

async function findPair(knex: Knex, dataDir: string): Promise<[StoredMessage, StoredMessage]> {
  const applied = new Set(await knex.withSchema("waybill").table("inbox").pluck<string[]>("message_id"));
  const waiting: StoredMessage[] = [];
  for await (const message of storedMessages(dataDir)) {
    if (message.envelope.topic === "order.placed" && !applied.has(message.envelope.id)) waiting.push(message);
  }
  const alike = groupedBy(waiting, ({ envelope, encodedBytes }) => `${envelope.key} ${encodedBytes}`);
  for (const [one, other] of alike.values()) {
    if (one !== undefined && other !== undefined) return [one, other];
  }
  throw new Error("there are no two messages in the broker that could change places");
}

function orderIdOf({ envelope }: StoredMessage): string {
  const { orderId } = JSON.parse(Buffer.from(envelope.payload).toString()) as { orderId: string };
  return orderId;
}

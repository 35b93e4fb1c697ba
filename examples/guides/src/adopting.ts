import { createWaybill, type HandlerContext, type Waybill } from "@waybill/core";
import { fromDrizzle, fromKysely, inTransaction, pgTransaction, postgresStorage } from "@waybill/postgres";
import type { NodePgDatabase } from "drizzle-orm/node-postgres";
import { pgTable, text } from "drizzle-orm/pg-core";
import type { Knex } from "knex";
import type { Kysely } from "kysely";
import type { Pool } from "pg";
import { OrderPlaced } from "./topics.ts";

export interface Order {
  readonly orderId: string;
  readonly sku: string;
  readonly quantity: number;
}

const orders = pgTable("orders", { orderId: text("order_id").primaryKey() });

export async function withKnex(knex: Knex, order: Order): Promise<void> {
  const waybill = createWaybill({ source: "orders", storage: postgresStorage({ knex }) }); // once, at start

  await knex.transaction(async (tx) => {
    await tx("orders").insert({ order_id: order.orderId });
    await waybill.send(tx, OrderPlaced, order);
  });
}

export async function withPg(pool: Pool, order: Order): Promise<void> {
  const waybill = createWaybill({ source: "orders", storage: postgresStorage({ pool }) });

  await inTransaction(pool, async (tx) => {
    await tx.query("insert into orders (order_id) values ($1)", [order.orderId]);
    await waybill.send(tx, OrderPlaced, order);
  });
}

export async function withOwnClient(pool: Pool, order: Order): Promise<void> {
  const waybill = createWaybill({ source: "orders", storage: postgresStorage({ pool }) });
  const client = await pool.connect();
  try {
    await client.query("begin");
    await client.query("insert into orders (order_id) values ($1)", [order.orderId]);
    await waybill.send(pgTransaction(client), OrderPlaced, order);
    await client.query("commit");
  } catch (error) {
    await client.query("rollback");
    throw error;
  } finally {
    client.release();
  }
}

export async function withDrizzle(pool: Pool, db: NodePgDatabase, order: Order): Promise<void> {
  const waybill = createWaybill({ source: "orders", storage: postgresStorage({ pool }) });

  await db.transaction(async (tx) => {
    await tx.insert(orders).values({ orderId: order.orderId });
    await waybill.send(fromDrizzle(tx), OrderPlaced, order);
  });
}

export async function withKysely(
  pool: Pool,
  db: Kysely<{ orders: { order_id: string } }>,
  order: Order,
): Promise<void> {
  const waybill = createWaybill({ source: "orders", storage: postgresStorage({ pool }) });

  await db.transaction().execute(async (trx) => {
    await trx.insertInto("orders").values({ order_id: order.orderId }).execute();
    await waybill.send(fromKysely(trx), OrderPlaced, order);
  });
}

/** While old jobs are still being worked off, both ways end in one function, and each order gets one mail. */
export function bothWays(waybill: Waybill<Knex.Transaction>) {
  const mail = async (tx: Knex.Transaction, orderId: string): Promise<void> => {
    await tx("mails").insert({ order_id: orderId });
  };
  const once = (tx: Knex.Transaction, orderId: string) =>
    waybill.inbox.once(tx, { group: "mail-by-order", messageId: orderId }, () => mail(tx, orderId));

  // what pg-boss, a cron job or a bare consumer calls until nothing is left of them
  const oldHandler = (job: { readonly data: Order }) =>
    waybill.runInTransaction((tx) => once(tx, job.data.orderId));

  // what Waybill calls
  const newHandler = async (order: Order, { tx }: HandlerContext<Knex.Transaction>): Promise<void> => {
    await once(tx, order.orderId);
  };
  waybill.consumer("mail").on(OrderPlaced, newHandler);

  return { oldHandler };
}

/** What a cron job found and did itself, it only finds and sends now. */
export async function sendDue(waybill: Waybill<Knex.Transaction>): Promise<number> {
  return waybill.runInTransaction(async (tx) => {
    const due = await tx<{ order_id: string; sku: string; quantity: number; sent: boolean }>("due_orders")
      .where({ sent: false })
      .limit(500)
      .forUpdate()
      .skipLocked()
      .select();
    if (due.length === 0) return 0;
    await tx("due_orders")
      .whereIn(
        "order_id",
        due.map((row) => row.order_id),
      )
      .update({ sent: true });
    const payloads = due.map((row) => ({ orderId: row.order_id, sku: row.sku, quantity: row.quantity }));
    await waybill.sendMany(tx, OrderPlaced, payloads);
    return due.length;
  });
}

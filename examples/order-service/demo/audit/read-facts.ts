import type { Knex } from "knex";
import type { Answers, Facts, HistoryFact, MessageFact } from "./facts.ts";

/** What is in the outbox, which keeps confirmed messages for three days. */
const READ_MESSAGES = `
  select topic, facts ->> 'orderId' as "orderId", facts ->> 'customerId' as "customerId",
    (facts ->> 'customerOrderNo')::integer as "customerOrderNo"
  from (
    select id, topic, convert_from(payload, 'UTF8')::json as facts
    from waybill.outbox
  ) as message
  order by id`;

/** Reads everything that the audit judges, in one transaction with one snapshot. */
export function readFacts(knex: Knex, answers: Answers): Promise<Facts> {
  return knex.transaction(
    async (tx) => {
      const messages = await tx.raw<{ rows: MessageFact[] }>(READ_MESSAGES);
      return {
        messages: messages.rows,
        orders: await tx("orders").select({
          orderId: "order_id",
          customerId: "customer_id",
          customerOrderNo: "customer_order_no",
          totalCents: "total_cents",
          status: "status",
          rejectionReason: "rejection_reason",
        }),
        history: await readHistory(tx),
        movements: await tx("stock_movements")
          .select({ sku: "sku", delta: "delta", reason: "reason", orderId: "order_id" })
          .orderBy("movement_id"),
        stock: await tx("stock").select({ sku: "sku", available: "available" }),
        charges: await tx("charges")
          .select({ orderId: "order_id", customerId: "customer_id", amountCents: "amount_cents" })
          .orderBy("charge_id"),
        accounts: await tx("accounts").select({
          customerId: "customer_id",
          openingCents: "opening_cents",
          balanceCents: "balance_cents",
        }),
        customers: await tx("customers").select({
          customerId: "customer_id",
          openCents: "open_cents",
          lastOrderNo: "last_order_no",
        }),
        answers,
      };
    },
    { isolationLevel: "repeatable read", readOnly: true },
  );
}

async function readHistory(tx: Knex.Transaction): Promise<HistoryFact[]> {
  return tx("order_history")
    .select({
      group: "consumer_group",
      topic: "topic",
      orderId: "order_id",
      customerId: "customer_id",
      customerOrderNo: "customer_order_no",
    })
    .orderBy("history_id");
}

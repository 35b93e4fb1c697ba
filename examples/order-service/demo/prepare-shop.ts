import type { Knex } from "knex";
import { migrateDatabase } from "../src/migrate-database.ts";
import { CREDIT_LIMIT_CENTS, OPENING_BALANCE_CENTS, type Plan } from "./plan-orders.ts";

/** Makes all tables, and fills in who may order and what is on the shelves. */
export async function prepareShop(knex: Knex, { customers, stock }: Plan): Promise<void> {
  await migrateDatabase(knex);
  await knex.transaction(async (tx) => {
    await tx("customers").insert(
      customers.map((customer_id) => ({ customer_id, credit_limit_cents: CREDIT_LIMIT_CENTS })),
    );
    await tx("accounts").insert(
      customers.map((customer_id) => ({
        customer_id,
        opening_cents: OPENING_BALANCE_CENTS,
        balance_cents: OPENING_BALANCE_CENTS,
      })),
    );
    await tx("stock").insert([...stock]);
    await tx("stock_movements").insert(
      stock.map(({ sku, available }) => ({ sku, delta: available, reason: "received" as const })),
    );
  });
}

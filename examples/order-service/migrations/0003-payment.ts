import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable("accounts", (table) => {
    table.text("customer_id").primary();
    table.integer("opening_cents").notNullable();
    table.integer("balance_cents").notNullable();
  });
  await knex.schema.createTable("charges", (table) => {
    table.bigIncrements("charge_id");
    table.text("order_id").notNullable().index(); // Not unique: see charge.ts.
    table.text("customer_id").notNullable().references("accounts.customer_id");
    table.integer("amount_cents").notNullable();
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable("charges");
  await knex.schema.dropTable("accounts");
}

import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable("customers", (table) => {
    table.text("customer_id").primary();
    table.integer("credit_limit_cents").notNullable();
    table.integer("open_cents").notNullable().defaultTo(0);
    table.integer("last_order_no").notNullable().defaultTo(0);
  });
  await knex.schema.createTable("orders", (table) => {
    table.text("order_id").primary();
    table.text("customer_id").notNullable().references("customers.customer_id");
    table.integer("customer_order_no").notNullable();
    table.text("sku").notNullable();
    table.integer("quantity").notNullable();
    table.integer("total_cents").notNullable();
    table.text("status").notNullable().checkIn(["placed", "confirmed", "rejected"]);
    table.text("rejection_reason");
    table.unique(["customer_id", "customer_order_no"]);
  });
  await knex.schema.createTable("order_history", (table) => {
    table.bigIncrements("history_id");
    table.text("consumer_group").notNullable();
    table.text("topic").notNullable();
    table.text("order_id").notNullable().index();
    table.text("customer_id").notNullable();
    table.integer("customer_order_no").notNullable();
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable("order_history");
  await knex.schema.dropTable("orders");
  await knex.schema.dropTable("customers");
}

import type { Knex } from "knex";

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable("stock", (table) => {
    table.text("sku").primary();
    table.integer("available").notNullable();
  });
  await knex.schema.createTable("stock_movements", (table) => {
    table.bigIncrements("movement_id");
    table.text("sku").notNullable().references("stock.sku");
    table.integer("delta").notNullable();
    table.text("reason").notNullable().checkIn(["received", "reserved", "released"]);
    table.text("order_id").index();
    table.text("customer_id");
    table.integer("customer_order_no");
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable("stock_movements");
  await knex.schema.dropTable("stock");
}

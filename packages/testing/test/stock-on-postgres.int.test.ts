import { migrate } from "@waybill/postgres";
import { testDatabase } from "@waybill/services/vitest";
import { Pool } from "pg";
import { expect, test } from "vitest";
import { killStockEverywhere } from "./fixtures/stock-on-postgres.ts";

const database = testDatabase({
  prepare: async (connectionString) => {
    await migrate({ connectionString }, { source: "orders" });
  },
});

test("the guide's proof on PostgreSQL holds", { timeout: 120_000 }, async () => {
  const pool = new Pool({ connectionString: database.url, max: 5 });
  try {
    await pool.query("create table stock (sku text primary key, available integer not null)");
    expect((await killStockEverywhere(pool)).crashes).toBeGreaterThan(50);
    expect((await pool.query("select available from stock")).rows).toEqual([{ available: 9 }]);
  } finally {
    await pool.end();
  }
});

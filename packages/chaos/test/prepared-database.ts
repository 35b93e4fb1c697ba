import { migrate } from "@waybill/postgres";
import { testDatabase, type TestDatabase } from "@waybill/services/vitest";
import { Pool } from "pg";
import { afterAll, beforeAll } from "vitest";
import { LEDGER_TABLES, TABLE_BROKER_TABLES } from "../src/index.ts";

/** A database of its own with the business tables and Waybill's, and a pool to it. */
export function preparedDatabase(options: { readonly leafSeconds?: number } = {}): {
  readonly database: TestDatabase;
  readonly pool: () => Pool;
} {
  let pool: Pool | undefined;
  const database = testDatabase({
    prepare: async (url) => {
      await migrate({ connectionString: url }, { source: "notes", ...options });
    },
  });
  beforeAll(async () => {
    pool = new Pool({ connectionString: database.url, max: 12 });
    await pool.query(LEDGER_TABLES);
    await pool.query(TABLE_BROKER_TABLES);
  });
  // After hooks run last first: the pool ends before the database is dropped.
  afterAll(() => pool?.end());
  return {
    database,
    pool: () => {
      if (pool === undefined) throw new Error("the pool is there inside hooks and tests only");
      return pool;
    },
  };
}

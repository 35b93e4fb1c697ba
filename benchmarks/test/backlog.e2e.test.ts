import { migrate } from "@waybill/postgres";
import { testDatabase } from "@waybill/services/vitest";
import { Pool } from "pg";
import { expect, test } from "vitest";
import { drainInProcess, fillByServer } from "../src/backlog.ts";

const ROWS = 1_000_000;
const RSS_BYTES_MAX = 350 * 1_048_576;

const database = testDatabase({
  prepare: async (url) => {
    await migrate({ connectionString: url }, { source: "bench" });
  },
});

test("with a million messages waiting the first is out within a second, and the relay's memory stays bounded", async () => {
  const pool = new Pool({ connectionString: database.url, max: 1 });
  await fillByServer(pool, ROWS);
  await pool.end();
  const { firstMs, mostBytes } = await drainInProcess(database.url, ROWS);
  expect(firstMs).toBeLessThan(1_000);
  expect(mostBytes).toBeLessThan(RSS_BYTES_MAX);
});

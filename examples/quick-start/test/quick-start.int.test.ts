import { migrate } from "@waybill/postgres";
import { spawnTs, waitFor } from "@waybill/services";
import { testDatabase, testFolder } from "@waybill/services/vitest";
import { Client } from "pg";
import { expect, test } from "vitest";

const database = testDatabase({
  prepare: async (url) => {
    await migrate({ connectionString: url }, { source: "orders" });
    const client = new Client({ connectionString: url });
    await client.connect();
    await client.query("create table order_lines (order_id text not null, sku text not null)");
    await client.query("create table stock (sku text primary key, available integer not null)");
    await client.query("insert into stock values ('tea', 10)");
    await client.end();
  },
});

test("the quick start takes one off the stock", async () => {
  const main = new URL("../src/main.ts", import.meta.url);
  const client = new Client({ connectionString: database.url });
  await client.connect();
  const available = async (): Promise<unknown> =>
    (await client.query("select available from stock")).rows[0]?.available;
  try {
    await using service = spawnTs(main, [], { env: { DATABASE_URL: database.url }, cwd: testFolder() });
    await waitFor(async () => (await available()) === 9, {
      deadlineMs: 20_000,
      describe: () => service.output.join("\n"),
    });
    expect(await available()).toBe(9);
  } finally {
    await client.end();
  }
});

import { inTransaction, migrate, postgresStorage, type PgTransaction } from "@waybill/postgres";
import { testDatabase } from "@waybill/services/vitest";
import { crashEverywhere, createTestBed, type TestBed } from "@waybill/testing";
import { knex as connect, type Knex } from "knex";
import { Pool } from "pg";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { Placed, Reserved } from "./support/orders.ts";

const database = testDatabase({
  prepare: async (connectionString) => {
    await migrate({ connectionString }, { source: "orders" });
  },
});

const TABLES = `
  create table stock (sku text primary key, available integer not null);
  create table mail (id bigint generated always as identity, customer_order text not null);
`;

let pool: Pool;
let knex: Knex;

beforeAll(async () => {
  pool = new Pool({ connectionString: database.url, max: 8 });
  knex = connect({ client: "pg", connection: database.url, pool: { min: 0, max: 8 } });
  await pool.query(TABLES);
});

afterAll(async () => {
  await pool.end();
  await knex.destroy();
});

beforeEach(emptyTables);

async function emptyTables(): Promise<void> {
  await pool.query("truncate stock, mail");
  await pool.query("insert into stock values ('tea', 10)");
}

async function effects(): Promise<unknown> {
  const stock = await pool.query("select sku, available from stock");
  const mail = await pool.query("select customer_order from mail order by 1");
  return { stock: stock.rows, mail: mail.rows };
}

function poolBed(
  handled: (tx: PgTransaction) => Pick<PgTransaction, "query"> = (tx) => tx,
): TestBed<PgTransaction> {
  return createTestBed({
    source: "orders",
    storage: () => postgresStorage({ pool }),
    setup(waybill) {
      waybill.consumer("stock").on(Placed, async ({ order, quantity }, { tx, send }) => {
        await handled(tx).query("update stock set available = available - $1 where sku = 'tea'", [quantity]);
        await send(Reserved, { order });
      });
      waybill.consumer("mail").on(Reserved, async ({ order }, { tx }) => {
        await tx.query("insert into mail (customer_order) values ($1)", [order]);
      });
    },
  });
}

function knexBed(): TestBed<Knex.Transaction> {
  return createTestBed({
    source: "orders",
    storage: () => postgresStorage({ knex }),
    setup(waybill) {
      waybill.consumer("stock").on(Placed, async ({ order, quantity }, { tx, send }) => {
        await tx("stock").where({ sku: "tea" }).decrement("available", quantity);
        await send(Reserved, { order });
      });
      waybill.consumer("mail").on(Reserved, async ({ order }, { tx }) => {
        await tx("mail").insert({ customer_order: order });
      });
    },
  });
}

async function place<Tx>(bed: TestBed<Tx>, order: string): Promise<void> {
  await bed.transaction((tx) => bed.waybill.send(tx, Placed, { order, quantity: 2 }));
}

const DONE = { stock: [{ sku: "tea", available: 8 }], mail: [{ customer_order: "a" }] };

test("a flow settles on PostgreSQL without waiting for time", async () => {
  await using bed = poolBed();
  await inTransaction(pool, (tx) => bed.waybill.send(tx, Placed, { order: "a", quantity: 2 }));
  await bed.settle();
  expect(await effects()).toEqual(DONE);
  expect(bed.handled("mail", Reserved).map(({ payload }) => payload)).toEqual([{ order: "a" }]);
  expect(await bed.redeliver()).toBe(2);
  expect(await effects()).toEqual(DONE);
});

for (const [driver, makeBed] of [
  ["pg", () => poolBed()],
  ["knex", () => knexBed()],
] as const) {
  test(`a correct flow on ${driver} survives a kill at every await`, { timeout: 300_000 }, async () => {
    const report = await crashEverywhere<TestBed<PgTransaction> | TestBed<Knex.Transaction>>({
      async bed() {
        await emptyTables();
        return makeBed();
      },
      scenario: (bed) => place(bed as TestBed<unknown>, "a"),
      effects,
    });
    expect(report.points).toBeGreaterThan(80);
    expect(report.crashes).toBeGreaterThan(report.points * 0.9);
  });
}

test("an effect past the transaction is found on PostgreSQL", { timeout: 300_000 }, async () => {
  const proof = crashEverywhere<TestBed<PgTransaction>>({
    async bed() {
      await emptyTables();
      return poolBed(() => pool);
    },
    scenario: (bed) => place(bed, "a"),
    effects,
  });
  await expect(proof).rejects.toThrow(/changes what was effected: .*"available":6/);
});

test("a relay that works elsewhere on the same database is named, not waited for", async () => {
  await using bed = poolBed();
  const storage = postgresStorage({ pool });
  const answer = await storage.relay.acquire("the worker on port 8080", 60_000);
  await place(bed, "a");
  await expect(bed.settle()).rejects.toThrow(/its lease is taken: the worker on port 8080 holds it/);
  if (answer.kind === "acquired") await storage.relay.release(answer.lease);
  await bed.settle();
  expect(await effects()).toEqual(DONE);
});

test("the database's clock decides what is due: advance is refused, settle can wait", async () => {
  await using bed = poolBed();
  await bed.transaction((tx) => bed.waybill.send(tx, Placed, { order: "a", quantity: 2 }, { delayMs: 50 }));
  await bed.settle();
  await expect(bed.advance(50)).rejects.toThrow("the clock of the database decides what is due");
  await bed.settle({ untilMs: 5_000 });
  expect(await effects()).toEqual(DONE);
});

import { createInbox, createOutbox, defineTopic, type SqlTransaction } from "@waybill/core";
import { drizzle } from "drizzle-orm/node-postgres";
import { pgTable, text, integer } from "drizzle-orm/pg-core";
import { CamelCasePlugin, Kysely, ParseJSONResultsPlugin, PostgresDialect } from "kysely";
import type { Pool, PoolClient } from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { fromDrizzle, fromKysely, fromPrisma, postgresStorage, sqlTransaction } from "../src/index.ts";
import { paymentClient, type PaymentClient } from "./support/payment-client.ts";
import { SOURCE, migratedDatabase, testPool } from "./support/test-storage.ts";

const Paid = defineTopic("payment.made", {
  version: 1,
  schema: z.object({ id: z.string(), note: z.string() }),
  key: ({ id }) => id,
});

const payments = pgTable("payments", { id: text().primaryKey(), amount: integer().notNull() });

/** A library: how it runs a transaction, and writes a payment in it. */
interface Library {
  transaction<T>(
    level: "read committed" | "serializable",
    work: (tx: SqlTransaction, pay: (id: string) => Promise<unknown>) => Promise<T>,
  ): Promise<T>;
}

function drizzleLibrary(pool: Pool): Library {
  const db = drizzle({ client: pool });
  return {
    transaction: (isolationLevel, work) =>
      db.transaction(
        (tx) => work(fromDrizzle(tx), async (id) => tx.insert(payments).values({ id, amount: 1 })),
        { isolationLevel },
      ),
  };
}

function kyselyLibrary(pool: Pool): Library {
  const db = new Kysely<{ payments: { id: string; amount: number } }>({
    dialect: new PostgresDialect({ pool }),
    // Plugins that change rows must not change Waybill's.
    plugins: [new CamelCasePlugin(), new ParseJSONResultsPlugin()],
  });
  return {
    transaction: (level, work) =>
      db
        .transaction()
        .setIsolationLevel(level)
        .execute((trx) =>
          work(fromKysely(trx), (id) => trx.insertInto("payments").values({ id, amount: 1 }).execute()),
        ),
  };
}

function prismaLibrary(_pool: Pool, url: string): Library {
  const client = paymentClient(url);
  onTestFinished(() => client.$disconnect());
  return {
    transaction: (level, work) =>
      client.$transaction(
        (tx) => work(fromPrisma(tx), (id) => tx.payment.create({ data: { id, amount: 1 } })),
        { isolationLevel: level === "serializable" ? "Serializable" : "ReadCommitted" },
      ),
  };
}

describe("transactions of other libraries", () => {
  const database = migratedDatabase();

  describe.each([
    ["drizzle-orm", drizzleLibrary],
    ["Kysely", kyselyLibrary],
    ["Prisma", prismaLibrary],
  ])("%s", (_name, open) => {
    async function bed() {
      const pool = testPool(database.url);
      await pool.query("create table if not exists payments (id text primary key, amount integer not null)");
      await pool.query("truncate payments, waybill.outbox, waybill.inbox");
      const storage = postgresStorage({ pool });
      const library = open(pool, database.url);
      const outbox = createOutbox({ source: SOURCE, storage });
      const inbox = createInbox({ storage });
      const rows = async (): Promise<number[]> => {
        const tables = ["payments", "waybill.outbox", "waybill.inbox"];
        const answers = await Promise.all(tables.map((table) => pool.query(`select from ${table}`)));
        return answers.map(({ rowCount }) => rowCount ?? -1);
      };
      return { pool, storage, library, outbox, inbox, rows };
    }

    test("its rows, messages and inbox records commit together", async () => {
      const { library, outbox, inbox, rows, pool } = await bed();
      const note = `{"json":"№ 'q' \\ \\"n"}`;
      const apply = (): Promise<string> =>
        library.transaction("read committed", (tx, pay) =>
          inbox.once(tx, { group: "payments", messageId: "evt_1" }, async (inner) => {
            await pay("p1");
            await outbox.send(inner, Paid, { id: "p1", note }, { serialize: true, headers: { a: "b" } });
            await outbox.sendMany(inner, Paid, [
              { id: "p2", note },
              { id: "p3", note: "" },
            ]);
          }),
        );
      expect(await apply()).toBe("done");
      expect(await rows()).toEqual([1, 3, 1]);
      expect(await apply()).toBe("duplicate");
      expect(await rows()).toEqual([1, 3, 1]);
      const { rows: sent } = await pool.query<{ key: string; payload: Buffer }>(
        "select key, payload from waybill.outbox order by id",
      );
      expect(sent.map(({ key, payload }) => [key, JSON.parse(payload.toString())])).toEqual([
        ["p1", { id: "p1", note }],
        ["p2", { id: "p2", note }],
        ["p3", { id: "p3", note: "" }],
      ]);
    });

    test("a rollback leaves nothing of it", async () => {
      const { library, outbox, inbox, rows } = await bed();
      const failing = library.transaction("read committed", async (tx, pay) => {
        await inbox.once(tx, { group: "payments", messageId: "evt_1" }, async () => {
          await pay("p1");
          await outbox.send(tx, Paid, { id: "p1", note: "" });
        });
        throw new Error("declined");
      });
      await expect(failing).rejects.toThrow("declined");
      expect(await rows()).toEqual([0, 0, 0]);
    });

    test("work that fails in it is undone alone, by a savepoint", async () => {
      const { library, outbox, inbox, rows } = await bed();
      await library.transaction("read committed", async (tx, pay) => {
        await pay("before");
        const work = inbox.once(tx, { group: "payments", messageId: "evt_1" }, async () => {
          await pay("p1");
          await outbox.send(tx, Paid, { id: "p1", note: "" });
          throw new Error("declined");
        });
        await expect(work).rejects.toThrow("declined");
      });
      expect(await rows()).toEqual([1, 0, 0]);
    });

    test("a record that was committed meanwhile is a conflict under serializable, never a second effect", async () => {
      const { library, inbox, storage, rows, pool } = await bed();
      const key = { group: "payments", messageId: "evt_1" };
      const apply = (): Promise<string> =>
        library.transaction("serializable", async (tx, pay) => {
          await tx.query("select 1 as one from payments", []);
          if ((await pool.query("select from waybill.inbox")).rowCount === 0)
            await storage.transaction((other) => inbox.once(other, key, () => undefined));
          return inbox.once(tx, key, () => pay("p1"));
        });
      await expect(apply()).rejects.toMatchObject({ code: "TRANSACTION_CONFLICT", retryable: true });
      expect(await rows()).toEqual([0, 0, 1]);
      expect(await apply()).toBe("duplicate");
    });
  });

  test("what is no transaction of the library is refused, and does not compile", () => {
    const refusal = expect.objectContaining({ code: "NOT_IN_TRANSACTION" }) as Error;
    const pool = testPool(database.url);
    const db = drizzle({ client: pool });
    const kysely = new Kysely<object>({ dialect: new PostgresDialect({ pool }) });
    const prisma: PaymentClient = paymentClient(database.url);
    onTestFinished(() => prisma.$disconnect());
    // @ts-expect-error the database is no transaction
    expect(() => fromDrizzle(db)).toThrow(refusal);
    // @ts-expect-error Kysely itself is no transaction
    expect(() => fromKysely(kysely)).toThrow(refusal);
    // @ts-expect-error the client itself is no transaction
    expect(() => fromPrisma(prisma)).toThrow(refusal);
    for (const from of [fromDrizzle, fromKysely, fromPrisma]) {
      expect(() => from(undefined as never)).toThrow(refusal);
    }
  });

  test("Drizzle works on Waybill's own transaction", async () => {
    const pool = testPool(database.url);
    await pool.query("create table if not exists payments (id text primary key, amount integer not null)");
    await pool.query("truncate payments");
    const failing = postgresStorage({ pool }).transaction(async (tx) => {
      const db = drizzle({ client: tx as unknown as PoolClient });
      await db.insert(payments).values({ id: "p1", amount: 1 });
      expect(await db.select().from(payments)).toHaveLength(1);
      throw new Error("declined");
    });
    await expect(failing).rejects.toThrow("declined");
    expect((await pool.query("select from payments")).rowCount).toBe(0);
  });

  test("a library that Waybill does not know: a function that runs statements in its transaction", async () => {
    const pool = testPool(database.url);
    const storage = postgresStorage({ pool });
    const inbox = createInbox({ storage });
    const refuse = (send: () => unknown): void => expect(send).toBeTypeOf("function");
    // @ts-expect-error a pool is no transaction, although it has a query method
    refuse(() => inbox.once(pool, { group: "payments", messageId: "evt_9" }, () => undefined));
    // @ts-expect-error nor is anything else that has one
    refuse(() => storage.outbox.append({ query: async () => [] }, []));
    const client = await pool.connect();
    await client.query("begin");
    const tx = sqlTransaction(async (sql, params) => (await client.query<object>(sql, [...params])).rows);
    const work = inbox.once(tx, { group: "payments", messageId: "evt_9" }, (inner) => {
      expect(inner).toBe(tx);
    });
    expect(await work).toBe("done");
    await client.query("rollback");
    client.release();
    const again = storage.transaction((own) =>
      inbox.once(own, { group: "payments", messageId: "evt_9" }, () => undefined),
    );
    expect(await again).toBe("done");
  });
});

import { randomUUID } from "node:crypto";
import { Pool, type PoolClient } from "pg";
import { afterAll, describe, expect, test } from "vitest";
import { pgTransaction, postgresStorage } from "../src/index.ts";
import { migratedDatabase, newMessage, SOURCE, testPool } from "./support/test-storage.ts";

/** Every message of these tests, from the second of a connection on, goes the lean way: its statement is prepared. */
describe("lean inserts", () => {
  const database = migratedDatabase();
  const pools: Pool[] = [];
  afterAll(() => Promise.all(pools.map((pool) => pool.end())));

  async function bed(options: { readonly queryTimeoutMs?: number } = {}) {
    const pool = new Pool({
      connectionString: database.url,
      max: 1,
      ...(options.queryTimeoutMs === undefined ? {} : { query_timeout: options.queryTimeoutMs }),
    });
    pool.on("error", () => undefined);
    pools.push(pool);
    const { outbox } = postgresStorage({ pool });
    const client = await pool.connect();
    await client.query("begin");
    await outbox.settings(pgTransaction(client), SOURCE);
    const send = async (change: Parameters<typeof newMessage>[0] = {}): Promise<void> =>
      outbox.append(pgTransaction(client), [newMessage(change)]);
    await send();
    await send({ headers: { warm: "up" } });
    await client.query("commit");
    return { client, send, submits: submitsOf(client) };
  }

  /** Counts what is given to the client ready made. */
  function submitsOf(client: PoolClient): () => number {
    let count = 0;
    const query = client.query.bind(client) as (...args: unknown[]) => unknown;
    client.query = ((first: unknown, ...rest: unknown[]) => {
      if (typeof first === "object" && first !== null && "submit" in first) count += 1;
      return query(first, ...rest);
    }) as typeof client.query;
    return () => count;
  }

  test("what was prepared once is inserted leanly, with every column as the others have it", async () => {
    const { client, send, submits } = await bed();
    const [plain, full, odd] = [randomUUID(), randomUUID(), randomUUID()];
    await client.query("begin");
    await send({ id: plain });
    await send({ id: full, headers: { "x-tenant": "ü☃" }, contentType: "text/plain" });
    await send({ id: odd, key: null, payload: Uint8Array.of(0, 255, 92, 39) });
    expect(submits()).toBe(3);
    await client.query("commit");
    const { rows } = await client.query(
      `select message_id, key, headers, content_type, payload, leaf, version, partition, deliver_at, expires_at,
        leaf = (floor(date_part('epoch', now()) / 129600)::bigint % 4) as in_its_leaf
       from waybill.outbox where message_id = any ($1) order by id`,
      [[plain, full, odd]],
    );
    const model = newMessage();
    const common = { version: model.version, in_its_leaf: true, deliver_at: null, expires_at: null };
    expect(rows).toEqual([
      expect.objectContaining({ ...common, key: model.key, headers: {}, content_type: "application/json" }),
      expect.objectContaining({ ...common, headers: { "x-tenant": "ü☃" }, content_type: "text/plain" }),
      expect.objectContaining({ ...common, key: null, payload: Buffer.of(0, 255, 92, 39) }),
    ]);
    client.release();
  });

  test("an insert that the server refuses rejects, and the connection goes on", async () => {
    const { client, send, submits } = await bed();
    await client.query("begin");
    await expect(send({ partition: 99_999 })).rejects.toMatchObject({
      code: "STORAGE_FAILED",
      cause: { code: "22003" },
    });
    expect(submits()).toBe(1);
    // The error may come before the word that the transaction has failed.
    await expect(client.query("select 1")).rejects.toMatchObject({ code: "25P02" });
    await expect(send()).rejects.toMatchObject({ code: "NOT_IN_TRANSACTION" });
    await client.query("rollback");
    await client.query("begin");
    await send();
    expect(submits()).toBe(2);
    await client.query("rollback");
    client.release();
  });

  test("an insert whose connection is lost rejects", async () => {
    const { client, send, submits } = await bed();
    const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
    client.on("error", () => undefined);
    const admin = testPool(database.url);
    const blocker = await admin.connect();
    await blocker.query("begin; lock table waybill.outbox in access exclusive mode");
    await client.query("begin");
    const outcome = send().catch((error: unknown) => error);
    await admin.query("select pg_terminate_backend($1)", [rows[0]?.pid]);
    expect(await outcome).toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    expect(submits()).toBe(1);
    await blocker.query("rollback");
    blocker.release();
    client.release(true);
  });

  test("the driver's own deadline holds for it", async () => {
    const { client, send, submits } = await bed({ queryTimeoutMs: 300 });
    const blocker = await testPool(database.url).connect();
    await blocker.query("begin; lock table waybill.outbox in access exclusive mode");
    await client.query("begin");
    await expect(send()).rejects.toMatchObject({ cause: { message: "Query read timeout" } });
    expect(submits()).toBe(1);
    await blocker.query("rollback");
    blocker.release();
    client.release(true);
  });
});

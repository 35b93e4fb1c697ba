import { waitFor } from "@waybill/services";
import { testDatabase } from "@waybill/services/vitest";
import { Client } from "pg";
import { expect, onTestFinished, test } from "vitest";
import { tcpProxy, type TcpProxy } from "../src/index.ts";

const database = testDatabase();

async function proxied(): Promise<{ proxy: TcpProxy; client: Client; lost: () => Error | undefined }> {
  const proxy = await tcpProxy(database.url);
  const client = new Client({ connectionString: proxy.url });
  let error: Error | undefined;
  client.on("error", (thrown) => (error ??= thrown));
  await client.connect();
  onTestFinished(async () => {
    await client.end();
    await proxy[Symbol.asyncDispose]();
  });
  return { proxy, client, lost: () => error };
}

test("passes everything on, also when it is slow", async () => {
  const { proxy, client } = await proxied();
  const text = "ä".repeat(200_000);
  const before = await client.query<{ text: string }>("select $1::text as text", [text]);
  expect(before.rows[0]?.text).toBe(text);
  const fast = proxy.slow(40);
  const startedAt = performance.now();
  await client.query("select 1");
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(79);
  fast();
});

test("cuts and resets connections, and takes new ones", async () => {
  const first = await proxied();
  first.proxy.cut();
  await waitFor(first.lost);
  const second = await proxied();
  second.proxy.reset();
  await waitFor(() => second.lost()?.message.includes("ECONNRESET"));
  expect(second.proxy.connections).toBe(0);
});

test.each(["to-server", "to-client"] as const)("stalls %s without a sign, and goes on", async (direction) => {
  const { proxy, client, lost } = await proxied();
  await client.query("create temporary table seen (n int)");
  const goOn = proxy.stall(direction);
  let answered = false;
  const asked = client.query("insert into seen values (1)").finally(() => (answered = true));
  const probe = new Client({ connectionString: database.url });
  await probe.connect();
  const inserting =
    "select 1 from pg_stat_activity where datname = current_database() and query like 'insert into seen%'";
  await waitFor(
    async () => ((await probe.query(inserting)).rowCount ?? 0) === (direction === "to-client" ? 1 : 0),
  );
  await probe.end();
  expect(answered).toBe(false);
  goOn();
  await asked;
  expect(lost()).toBeUndefined();
});

test.each([
  ["before", "insert into kept values (1)", 0],
  ["after", "insert into kept values (1)", 1],
] as const)("loses the connection %s the server gets a COMMIT", async (fault, insert, rows) => {
  const { proxy, client } = await proxied();
  await client.query("drop table if exists kept; create table kept (n int)");
  proxy.onStatement("commit", () => fault);
  await client.query("begin");
  await client.query(insert);
  await expect(client.query("commit")).rejects.toThrow("Connection terminated");
  const probe = new Client({ connectionString: database.url });
  await probe.connect();
  expect((await probe.query("select from kept")).rowCount).toBe(rows);
  await probe.end();
});

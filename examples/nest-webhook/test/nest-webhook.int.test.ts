import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { promisify } from "node:util";
import { migrate } from "@waybill/postgres";
import { spawnTs } from "@waybill/services";
import { testDatabase } from "@waybill/services/vitest";
import { Client } from "pg";
import { beforeAll, expect, test } from "vitest";

const folder = join(import.meta.dirname, "..");
const compiled = "dist/for-test";

const database = testDatabase({
  prepare: async (connectionString) => {
    await migrate({ connectionString }, { source: "payments" });
  },
});

async function query(sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: database.url });
  await client.connect();
  try {
    return (await client.query<object>(sql)).rows;
  } finally {
    await client.end();
  }
}

beforeAll(async () => {
  const tsc = join(createRequire(import.meta.url).resolve("typescript/package.json"), "../bin/tsc");
  // Like `npm run build`, but against the sources of the packages, which need not have been built.
  const sources = ["--customConditions", "waybill-source", "--rootDir", "../..", "--outDir", compiled];
  const args = [tsc, "-p", "tsconfig.build.json", "--pretty", "false", ...sources];
  await promisify(execFile)(process.execPath, args, { cwd: folder }).catch((error: { stdout: string }) => {
    throw new Error(error.stdout);
  });
  await query(
    "create table payments (payment_id integer generated always as identity primary key, order_id text not null, cents integer not null)",
  );
});

test("a Nest webhook that is called three times has one effect, whatever the order of its decorators", async () => {
  const main = join(folder, compiled, "examples/nest-webhook/src/main.js");
  await using service = spawnTs(main, [], { env: { DATABASE_URL: database.url, PORT: "0" } });
  const { address } = await service.ready();
  const post = async (path: string, id: string): Promise<unknown> => {
    const response = await fetch(`${String(address)}/webhooks/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ id, orderId: "o-1", cents: 995 }),
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
  };
  const paid = { status: 200, body: { paymentId: 1 } };
  expect(await Promise.all([post("payments", "e1"), post("payments", "e1")])).toEqual([paid, paid]);
  expect(await post("payments", "e1")).toEqual(paid);

  expect(await post("refunds", "e1")).toMatchObject({ status: 201, body: { paymentId: expect.any(Number) } });
  expect(await post("refunds", "e1")).toEqual({ status: 201, body: undefined });
  expect(await post("refunds", "")).toMatchObject({ status: 500 });

  service.kill("SIGTERM");
  await service.exited;
  expect(await query("select cents from payments order by payment_id")).toEqual([
    { cents: 995 },
    { cents: -995 },
  ]);
  expect(await query("select count(*)::int as messages from waybill.outbox")).toEqual([{ messages: 2 }]);
});

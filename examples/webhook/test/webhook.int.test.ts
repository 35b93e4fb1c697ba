import { migrate } from "@waybill/postgres";
import { spawnTs } from "@waybill/services";
import { testDatabase } from "@waybill/services/vitest";
import { Client } from "pg";
import { expect, test } from "vitest";

const database = testDatabase({
  prepare: async (connectionString) => {
    await migrate({ connectionString }, { source: "payments" });
  },
});

test("a webhook that is posted three times at once, and once more, books one payment and sends one message", async () => {
  const main = new URL("../src/main.ts", import.meta.url);
  await using service = spawnTs(main, [], { env: { DATABASE_URL: database.url, PORT: "0" } });
  const { address } = await service.ready();
  const post = async (body: object): Promise<{ status: number; body: unknown }> => {
    const response = await fetch(`${String(address)}/webhooks/payments`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: await response.json() };
  };
  const event = { id: "evt_1", orderId: "o-1", cents: 995 };
  const answers = await Promise.all([post(event), post(event), post(event)]);
  answers.push(await post(event));
  expect(answers).toEqual(Array.from({ length: 4 }, () => ({ status: 200, body: { paymentId: 1 } })));
  expect(await post({ orderId: "o-1", cents: 995 })).toMatchObject({ status: 400 });
  service.kill("SIGTERM");
  expect(await service.exited).toMatchObject({ code: 0 });

  const client = new Client({ connectionString: database.url });
  await client.connect();
  const { rows } = await client.query(
    "select (select count(*)::int from payments) as payments, (select count(*)::int from waybill.outbox) as messages",
  );
  await client.end();
  expect(rows).toEqual([{ payments: 1, messages: 1 }]);
});

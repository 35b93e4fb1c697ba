import { killInTurn, placeOrder } from "@waybill/conformance";
import { migrate } from "@waybill/postgres";
import {
  requirePart,
  startRabbitmq,
  waitFor,
  whyNoRabbitmq,
  type RabbitmqServer,
  type TsProcess,
} from "@waybill/services";
import { testDatabase, testProcess } from "@waybill/services/vitest";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const source = (name: string): URL => new URL(`../src/${name}.ts`, import.meta.url);

describe.runIf(requirePart("rabbitmq", whyNoRabbitmq({ own: true })))("a service with amqplib", () => {
  let server: RabbitmqServer;
  const database = testDatabase({
    prepare: async (connectionString) => {
      await migrate({ connectionString }, { source: "shop" });
      await rows("create table orders (order_id text primary key, sku text not null)", connectionString);
    },
  });
  beforeAll(async () => {
    server = await startRabbitmq();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  async function rows(sql: string, connectionString = database.url): Promise<{ order_id: string }[]> {
    const client = new Client({ connectionString });
    await client.connect();
    try {
      return (await client.query<{ order_id: string }>(sql)).rows;
    } finally {
      await client.end();
    }
  }

  async function loadOrders(): Promise<string[]> {
    const found = await rows("select order_id from orders where order_id like 'load-%'");
    return found.map(({ order_id }) => order_id);
  }

  const env = (): Record<string, string> => ({
    DATABASE_URL: database.url,
    RABBITMQ_URL: server.url,
    PORT: "0",
  });
  const start = async (name: string): Promise<TsProcess> => {
    const child = testProcess(source(name), [], { env: env() });
    await child.ready();
    return child;
  };
  const got = (consumer: TsProcess): Message[] =>
    consumer.lines.filter((line) => line["event"] === "message") as unknown as Message[];
  const distinct = (consumer: TsProcess): Set<string> =>
    new Set(got(consumer).map(({ properties }) => properties.messageId));

  test("gives its consumer the same messages before and after, plus Waybill's headers", async () => {
    const consumer = await start("consumer");
    for (const name of ["before", "after"]) {
      const service = await start(name);
      expect(await placeOrder(service, { orderId: name, sku: "tea" })).toBe(201);
      await waitFor(() => distinct(consumer).has(name), {
        deadlineMs: 30_000,
        describe: `the order of ${name}`,
      });
      await service[Symbol.asyncDispose]();
    }
    const [before, after] = got(consumer);
    const { headers } = after?.properties ?? { headers: {} };
    const added = Object.keys(headers).filter((name) => /^(ce_|waybill-)/.test(name));
    expect(headers).toMatchObject({ ce_source: "shop", ce_type: "order.placed" });
    const bare = Object.fromEntries(Object.entries(headers).filter(([name]) => !added.includes(name)));
    const same = { ...after, properties: { ...after?.properties, headers: bare } };
    expect(JSON.parse(JSON.stringify(same).replaceAll("after", "before"))).toEqual(before);
  });

  test("loses nothing while it and RabbitMQ are killed: every order has its message, none that was rolled back has", async () => {
    const consumer = await start("consumer");
    const committed = await killInTurn({
      start: () => start("after"),
      broker: server,
      orderOf: () => ({}),
      committed: loadOrders,
    });
    const arrived = (): string[] => [...distinct(consumer)].filter((id) => id.startsWith("load-"));
    await waitFor(() => arrived().length >= committed.length, {
      deadlineMs: 60_000,
      describe: () => `${committed.length} messages, ${arrived().length} came`,
    });
    expect(arrived().sort()).toEqual(committed.sort());
  });
});

interface Message {
  readonly properties: { readonly messageId: string; readonly headers: Readonly<Record<string, unknown>> };
}

import { killInTurn, placeOrder } from "@waybill/conformance";
import { migrate } from "@waybill/postgres";
import {
  requirePart,
  startKafka,
  waitFor,
  whyNoKafka,
  type KafkaServer,
  type TsProcess,
} from "@waybill/services";
import { testDatabase, testProcess } from "@waybill/services/vitest";
import kafkajs from "kafkajs";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Order } from "../src/place-order.ts";

const source = (name: string): URL => new URL(`../src/${name}.ts`, import.meta.url);

describe.runIf(requirePart("kafka", whyNoKafka({ own: true })))("a service with kafkajs", () => {
  let server: KafkaServer;
  const database = testDatabase({
    prepare: async (connectionString) => {
      await migrate({ connectionString }, { source: "shop" });
      await rows("create table orders (order_id text primary key, sku text not null)", connectionString);
    },
  });
  beforeAll(async () => {
    server = await startKafka();
    const admin = new kafkajs.Kafka({
      brokers: [...server.brokers],
      logLevel: kafkajs.logLevel.NOTHING,
    }).admin();
    await admin.connect();
    await admin.createTopics({ waitForLeaders: false, topics: [{ topic: "orders", numPartitions: 4 }] });
    await waitFor(() => admin.fetchTopicMetadata({ topics: ["orders"] }), { describe: "the topic" });
    await admin.disconnect();
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

  const start = async (name: string): Promise<TsProcess> => {
    const env = { DATABASE_URL: database.url, KAFKA_BROKERS: server.brokers.join(), PORT: "0" };
    const child = testProcess(source(name), [], { env });
    await child.ready();
    return child;
  };

  test("gives its consumer the same records before and after, plus Waybill's headers", async () => {
    const consumer = await start("consumer");
    const customers = ["ada", "grace", "zoë"];
    for (const name of ["before", "after"]) {
      const service = await start(name);
      for (const customer of customers) {
        const order = { orderId: `${name} ${customer}`, customer, sku: "tea", placedAt: 1_700_000_000_000 };
        expect(await placeOrder(service, order)).toBe(201);
      }
      const arrived = (): Message[] => got(consumer).filter((one) => orderOf(one).orderId.startsWith(name));
      await waitFor(() => arrived().length === customers.length, { describe: `the orders of ${name}` });
      await service[Symbol.asyncDispose]();
    }
    for (const customer of customers) {
      const [before, after] = got(consumer).filter(({ key }) => key === customer);
      if (before === undefined || after === undefined) throw new Error(`${customer} has not two records`);
      const isAdded = (name: string): boolean => /^(ce_|waybill-)/.test(name);
      const own = Object.entries(after.headers).filter(([name]) => !isAdded(name));
      expect(after.headers).toMatchObject({
        ce_source: ["shop"],
        ce_type: ["orders"],
        ce_partitionkey: [customer],
      });
      expect(Object.keys(after.headers)).not.toContain("waybill-call");
      const same = {
        ...after,
        value: after.value.replace("after", "before"),
        headers: Object.fromEntries(own),
      };
      expect(same).toEqual(before);
    }
  });

  test("loses nothing while it and Kafka are killed: every order has its record, none that was rolled back has", async () => {
    const consumer = await start("consumer");
    const committed = await killInTurn({
      start: () => start("after"),
      broker: server,
      orderOf: (no) => ({ customer: `customer ${no % 20}`, placedAt: 1_700_000_000_000 + no }),
      committed: loadOrders,
    });
    const ids = (): Map<string, Set<string>> => idsByOrder(got(consumer));
    await waitFor(() => ids().size >= committed.length, {
      deadlineMs: 90_000,
      describe: () =>
        `${committed.length} orders at the consumer, ${ids().size} came\n${consumer.output.join("\n")}`,
    });
    const arrived = ids();
    expect([...arrived.keys()].sort()).toEqual(committed.sort());
    for (const [orderId, of] of arrived) expect(of.size, orderId).toBe(1);
    expect(new Set([...arrived.values()].flatMap((of) => [...of])).size).toBe(committed.length);
  });
});

/** What the consumer writes down. */
interface Message {
  readonly key: string;
  readonly value: string;
  readonly headers: Readonly<Record<string, readonly string[]>>;
}

function got(consumer: TsProcess): Message[] {
  return consumer.lines.filter((line) => line["event"] === "message") as unknown as Message[];
}

function orderOf({ value }: Message): Order {
  return JSON.parse(value) as Order;
}

/** The message ids under which each order of the load came. */
function idsByOrder(messages: readonly Message[]): Map<string, Set<string>> {
  const ids = new Map<string, Set<string>>();
  for (const message of messages) {
    const { orderId } = orderOf(message);
    if (!orderId.startsWith("load-")) continue;
    const known = ids.get(orderId) ?? new Set();
    ids.set(orderId, known.add(message.headers["ce_id"]?.join() ?? "none"));
  }
  return ids;
}

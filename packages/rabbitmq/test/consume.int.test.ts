import { setImmediate as oneTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import type { Delivery, Envelope, Verdict } from "@waybill/core";
import { waitFor } from "@waybill/services";
import { testRabbitmq } from "@waybill/services/vitest";
import {
  brokerAt,
  collect,
  fates,
  message,
  messages,
  NO_FENCE,
  openBed,
  stuck,
  TOPIC,
  withServer,
} from "./rabbitmq-fixture.ts";

const server = testRabbitmq();
const types = ["classic", "quorum"] as const;

test.each(types)(
  "a returned message of a %s queue comes again before later ones that the server has sent already",
  async (queueType) => {
    const { broker, group } = await openBed(server.url, { queueType });
    await broker.declareGroup(group, [TOPIC]);
    const batch = messages(60);
    await broker.publish(batch, NO_FENCE);
    let returns = 0;
    let owed: string | null = null;
    const overtaken: string[] = [];
    const seen = await collect(
      broker,
      group,
      async ({ envelope: { id } }) => {
        if (owed !== null && id !== owed) overtaken.push(owed);
        owed = null;
        await oneTurn();
        if (id !== batch[3]?.id || returns === 5) return { kind: "ack" };
        returns += 1;
        owed = id;
        return { kind: "requeue" };
      },
      10,
    );
    await waitFor(() => seen.deliveries.length === 65);
    expect(overtaken).toEqual([]);
    expect(returns).toBe(5);
    expect(seen.deliveries.filter(({ redelivered }) => redelivered)).toHaveLength(5);
    expect([...new Set(seen.ids())]).toEqual(batch.map(({ id }) => id));
  },
);

test.each(types)(
  "what was not settled of a %s queue comes to the next consumer in its old order, marked",
  async (queueType) => {
    const { broker, group } = await openBed(server.url, { queueType });
    await broker.declareGroup(group, [TOPIC]);
    const batch = messages(200);
    await broker.publish(batch, NO_FENCE);
    // Every fifth is applied, so that what goes back has gaps.
    const first = await collect(
      broker,
      group,
      (_delivery, index) => (index % 5 === 0 ? Promise.resolve({ kind: "ack" }) : stuck()),
      100,
    );
    await waitFor(() => first.deliveries.length >= 100);
    await first.close(1);
    const applied = new Set(first.ids().filter((_, index) => index % 5 === 0));
    const next = await collect(broker, group);
    const rest = batch.map(({ id }) => id).filter((id) => !applied.has(id));
    await waitFor(() => next.deliveries.length >= rest.length);
    expect(next.ids()).toEqual(rest);
    expect(next.deliveries[0]?.redelivered).toBe(true);
    expect(next.deliveries.at(-1)?.redelivered).toBe(false);
  },
);

test.each(types)(
  "two processes on a %s queue: one works, and when it is cut off the other goes on in order",
  async (queueType) => {
    const { broker, group, exchange } = await openBed(server.url, { queueType });
    await broker.declareGroup(group, [TOPIC]);
    const replicas = [0, 1].map(() => brokerAt(server.url, { exchange, queueType }));
    const log: { replica: number; id: string }[] = [];
    for (const [replica, one] of replicas.entries()) {
      await one.broker.open();
      await collect(one.broker, group, ({ envelope }) => {
        log.push({ replica, id: envelope.id });
        return replica === 0 && log.length > 50 ? stuck() : Promise.resolve<Verdict>({ kind: "ack" });
      });
    }
    const batch = messages(200);
    await broker.publish(batch, NO_FENCE);
    await waitFor(() => log.length > 50);
    expect(new Set(log.map(({ replica }) => replica))).toEqual(new Set([0]));
    await replicas[0]?.broker[Symbol.asyncDispose]();
    const ids = batch.map(({ id }) => id);
    await waitFor(() => log.filter(({ replica }) => replica === 1).length === 150);
    expect(log.filter(({ replica }) => replica === 1).map(({ id }) => id)).toEqual(ids.slice(50));
  },
);

test("with several queues the processes of a group share the work, and each key keeps its order", async () => {
  const options = { queues: 4, queueType: "classic" } as const;
  const { broker, group, exchange } = await openBed(server.url, options);
  await broker.declareGroup(group, [TOPIC]);
  const applied: Envelope[] = [];
  const workers = new Set<number>();
  const work =
    (worker: number) =>
    async ({ envelope }: Delivery): Promise<Verdict> => {
      workers.add(worker);
      await oneTurn();
      applied.push(envelope);
      return { kind: "ack" };
    };
  for (const worker of [1, 2]) {
    const one = brokerAt(server.url, { exchange, ...options });
    await one.broker.open();
    await collect(one.broker, group, work(worker), 1);
  }
  // Partitions of a source with more of them than this process knows are taken, too.
  const batch = messages(400, (index) => ({ key: `order-${index % 20}`, partition: (index % 20) * 7 }));
  expect(new Set(fates(await broker.publish(batch, NO_FENCE)))).toEqual(new Set(["confirmed"]));
  await waitFor(() => applied.length === batch.length);
  const byKey = (list: readonly Envelope[]) => Object.groupBy(list, ({ key }) => key ?? "");
  const idsByKey = (list: readonly Envelope[]) =>
    Object.fromEntries(Object.entries(byKey(list)).map(([key, some]) => [key, some?.map(({ id }) => id)]));
  expect(idsByKey(applied)).toEqual(idsByKey(batch));
});

test("a consumer whose queue is deleted subscribes again", async () => {
  const { broker, group, queue, events } = await openBed(server.url);
  await broker.declareGroup(group, [TOPIC]);
  const seen = await collect(broker, group);
  await withServer(server.url, (channel) => channel.deleteQueue(queue));
  const sent = message();
  await waitFor(async () => fates(await broker.publish([sent], NO_FENCE))[0] === "confirmed");
  await waitFor(() => seen.ids().includes(sent.id));
  expect(events.map(({ type }) => type)).toContain("rabbitmq.consumer-lost");
});

test("a message of a producer that knows nothing of Waybill is handed on with what it has", async () => {
  const { broker, group, exchange } = await openBed(server.url);
  await broker.declareGroup(group, [TOPIC]);
  const seen = await collect(broker, group);
  await withServer(server.url, async (channel) => {
    const headers = { tenant: "acme", attempt: 3, urgent: true, nested: { not: "carried" } };
    const properties = {
      messageId: "A-1",
      appId: "legacy",
      contentType: "text/plain",
      type: "OrderPlacedEvent",
      timestamp: 1_700_000_000,
    };
    channel.publish(exchange, TOPIC, Buffer.from("hello"), { ...properties, headers });
    channel.publish(exchange, TOPIC, Buffer.from("bare"));
  });
  await waitFor(() => seen.deliveries.length === 2);
  expect(seen.deliveries[0]?.envelope).toMatchObject({
    id: "A-1",
    source: "legacy",
    topic: TOPIC,
    version: 1,
    key: null,
    headers: { tenant: "acme", attempt: "3", urgent: "true" },
    contentType: "text/plain",
    createdAt: 1_700_000_000_000,
    position: null,
  });
  expect(seen.deliveries[1]?.envelope).toMatchObject({ source: "amqp", topic: TOPIC });
  expect(seen.deliveries[1]?.envelope.id).toMatch(/^[0-9a-f-]{36}$/);
});

test("a header that cannot be read is left aside and reported, and the message is handed on", async () => {
  const { broker, group, exchange, events } = await openBed(server.url);
  await broker.declareGroup(group, [TOPIC]);
  const seen = await collect(broker, group);
  await withServer(server.url, async (channel) => {
    const headers = { ce_id: "7", ce_source: "orders", ce_type: TOPIC, "waybill-partition": "many" };
    channel.publish(exchange, TOPIC, Buffer.from("{}"), { headers });
  });
  await waitFor(() => seen.deliveries.length === 1);
  expect(seen.deliveries[0]?.envelope).toMatchObject({ id: "7", source: "orders", position: null });
  expect(events).toContainEqual(
    expect.objectContaining({ type: "rabbitmq.headers-ignored", messageId: "7" }),
  );
});

test.each(types)(
  "a message of a %s queue that 25 consumers in turn left unsettled comes again: no delivery limit drops it",
  async (queueType) => {
    const { broker, group } = await openBed(server.url, { queueType });
    await broker.declareGroup(group, [TOPIC]);
    const sent = message();
    expect(fates(await broker.publish([sent], NO_FENCE))).toEqual(["confirmed"]);
    // RabbitMQ 4 drops after 20, unless the queue says otherwise.
    for (let consumers = 0; consumers < 25; consumers += 1) {
      const seen = await collect(broker, group, () => stuck());
      await waitFor(() => seen.deliveries.length === 1, { describe: `consumer ${consumers}` });
      expect(seen.ids()).toEqual([sent.id]);
      await seen.close();
    }
    const last = await collect(broker, group);
    await waitFor(() => last.deliveries.length === 1);
    expect(last.deliveries[0]?.redelivered).toBe(true);
  },
);

import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { rabbitmqBroker } from "@waybill/rabbitmq";
import { testRabbitmq } from "@waybill/services/vitest";
import {
  brokerAt,
  collect,
  fates,
  message,
  NO_FENCE,
  openBed,
  TOPIC,
  withServer,
} from "./rabbitmq-fixture.ts";

const server = testRabbitmq();
const mismatch = { code: "TOPOLOGY_MISMATCH", retryable: false };

test("with declare: false nothing is created: a missing exchange is said to be missing", async () => {
  const exchange = `waybill-${randomUUID()}`;
  const { broker } = brokerAt(server.url, { exchange, declare: false });
  const opened = broker.open();
  await expect(opened).rejects.toMatchObject(mismatch);
  await expect(opened).rejects.toThrow(exchange);
});

test("with declare: false a queue that is missing, or would let two consumers at a key, is refused by name", async () => {
  const exchange = `waybill-${randomUUID()}`;
  const group = `group-${randomUUID()}`;
  await withServer(server.url, (channel) => channel.assertExchange(exchange, "topic"));
  const { broker } = await openBed(server.url, { exchange, declare: false, queueType: "classic" });
  await expect(broker.declareGroup(group, [TOPIC])).rejects.toMatchObject(mismatch);
  await withServer(server.url, (channel) => channel.assertQueue(`waybill.${group}`));
  const declared = broker.declareGroup(group, [TOPIC]);
  await expect(declared).rejects.toMatchObject(mismatch);
  await expect(declared).rejects.toThrow("x-single-active-consumer");
});

test("with declare: false an exchange of another type is refused", async () => {
  const exchange = `waybill-${randomUUID()}`;
  await withServer(server.url, (channel) => channel.assertExchange(exchange, "fanout"));
  await expect(openBed(server.url, { exchange, declare: false })).rejects.toMatchObject(mismatch);
});

test("with declare: false what others declared is used, with the limits that they gave it", async () => {
  const exchange = `waybill-${randomUUID()}`;
  const { broker, group, queue } = await openBed(server.url, { exchange });
  await broker[Symbol.asyncDispose]();
  await withServer(server.url, async (channel) => {
    const limits = { "x-max-length": 10_000, "x-dead-letter-exchange": "graveyard" };
    const args = { "x-queue-type": "quorum", "x-single-active-consumer": true, ...limits };
    await channel.assertQueue(queue, { arguments: args });
    await channel.bindQueue(queue, exchange, TOPIC);
  });
  const user = await openBed(server.url, { exchange, declare: false });
  await user.broker.declareGroup(group, [TOPIC]);
  const sent = message();
  expect(fates(await user.broker.publish([sent], NO_FENCE))).toEqual(["confirmed"]);
  const seen = await collect(user.broker, group);
  await expect.poll(() => seen.ids()).toEqual([sent.id]);
});

test("a group's queue is replicated unless told otherwise, and of another type it is refused", async () => {
  const { broker, group, exchange } = await openBed(server.url);
  await broker.declareGroup(group, [TOPIC]);
  const other = await openBed(server.url, { exchange, queueType: "classic" });
  const declared = other.broker.declareGroup(group, [TOPIC]);
  await expect(declared).rejects.toMatchObject(mismatch);
  await expect(declared).rejects.toThrow("'quorum'");
});

test.each([
  [1, 3],
  [3, 1],
  [3, 4],
])(
  "a group with %i queues is not taken for one with %i: some would be read by nobody",
  async (before, after) => {
    const { broker, group, exchange } = await openBed(server.url, { queues: before, queueType: "classic" });
    await broker.declareGroup(group, [TOPIC]);
    const other = await openBed(server.url, { exchange, queues: after, queueType: "classic" });
    await expect(other.broker.declareGroup(group, [TOPIC])).rejects.toMatchObject(mismatch);
    await broker.declareGroup(group, [TOPIC]);
  },
);

test.each([
  [{ url: "http://somewhere" }, "amqp://"],
  [{}, "url or urls"],
  [{ url: "amqp://a", urls: ["amqp://b"] }, "url or urls"],
  [{ url: "amqp://a", queues: 64 }, "partitions"],
  [{ url: "amqp://a", heartbeatMs: 1_500 }, "heartbeatMs"],
  [{ url: "amqp://a", queus: 2 }, "queus"],
])("options that cannot work are refused before anything happens: %j", async (options, named) => {
  const made = (): unknown => rabbitmqBroker(options);
  expect(made).toThrow(expect.objectContaining({ code: "OPTIONS_INVALID" }));
  expect(made).toThrow(named);
});

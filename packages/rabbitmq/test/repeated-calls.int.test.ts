import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import type { Channel, Options } from "amqplib";
import type { Envelope } from "@waybill/core";
import { SYSTEM_HEADERS } from "@waybill/core";
import { waitFor } from "@waybill/services";
import { testRabbitmq } from "@waybill/services/vitest";
import { callText, type Unroutable } from "../src/outboxed/call.ts";
import { collect, fates, message, NO_FENCE, openBed, withServer } from "./rabbitmq-fixture.ts";

const server = testRabbitmq();

interface Route {
  readonly exchange: string;
  readonly routingKey: string;
  readonly options?: Options.Publish;
  readonly unroutable?: Unroutable;
}

function callTo({ exchange, routingKey, options = {}, unroutable = "retry" }: Route): Envelope {
  const call = callText({ exchange, routingKey, options, unroutable });
  const topic = exchange === "" ? "amq.default" : exchange;
  return message({ topic, key: `${exchange}/${routingKey}`, headers: { [SYSTEM_HEADERS.call]: call } });
}

async function newQueue(): Promise<Route> {
  const routingKey = `queue-${randomUUID()}`;
  await withServer(server.url, (channel) => channel.assertQueue(routingKey));
  return { exchange: "", routingKey };
}

/** The contents of a queue's messages, taken out of it. */
async function contents({ routingKey }: Route): Promise<string[]> {
  return withServer(server.url, (channel) => drain(channel, routingKey));
}

async function drain(channel: Channel, queue: string): Promise<string[]> {
  const found: string[] = [];
  for (;;) {
    const got = await channel.get(queue, { noAck: true });
    if (got === false) return found;
    found.push(got.content.toString());
  }
}

test("calls and Waybill's own messages of one batch are each answered in their place", async () => {
  const { broker, group } = await openBed(server.url);
  await broker.declareGroup(group, ["order.placed"]);
  const queue = await newQueue();
  const nowhere = callTo({ exchange: "", routingKey: "no-such-queue" });
  const own = message();
  const call = callTo(queue);
  const results = await broker.publish([call, own, nowhere, message({ topic: "nobody" }), own], NO_FENCE);
  expect(fates(results)).toEqual([
    "confirmed",
    "confirmed",
    "UNROUTABLE, may pass",
    "UNROUTABLE, may pass",
    "confirmed",
  ]);
  expect(await contents(queue)).toEqual([Buffer.from(call.payload).toString()]);
  const seen = await collect(broker, group);
  await waitFor(() => seen.deliveries.length === 2);
});

test("a call to an exchange that does not exist is refused for now; all others around it are confirmed, in order", async () => {
  const { broker, group, events } = await openBed(server.url);
  await broker.declareGroup(group, ["order.placed"]);
  const queue = await newQueue();
  const exchange = `missing-${randomUUID()}`;
  const missing = callTo({ exchange, routingKey: "k" });
  const batch = Array.from({ length: 60 }, (_, index) => (index % 20 === 7 ? missing : callTo(queue)));
  const own = message();
  const found = fates(await broker.publish([own, ...batch], NO_FENCE));
  expect(found).toEqual([
    "confirmed",
    ...batch.map((one) => (one === missing ? "BROKER_REFUSED, may pass" : "confirmed")),
  ]);
  const sent = batch.filter((one) => one !== missing).map(({ payload }) => Buffer.from(payload).toString());
  expect([...new Set(await contents(queue))]).toEqual(sent);
  expect(events.map(({ type }) => type)).not.toContain("rabbitmq.disconnected");

  await withServer(server.url, async (channel) => {
    await channel.assertExchange(exchange, "fanout");
    await channel.bindQueue(queue.routingKey, exchange, "");
  });
  expect(fates(await broker.publish([missing], NO_FENCE))).toEqual(["confirmed"]);
});

test("of calls for which the server closes the channel without saying which, only those are refused", async () => {
  const { broker } = await openBed(server.url);
  const queue = await newQueue();
  const forged = callTo({ ...queue, options: { userId: "somebody-else" } });
  const odd = callTo({ ...queue, options: { expiration: "soon" } });
  const batch = Array.from({ length: 30 }, (_, index) => {
    if (index % 10 === 4) return forged;
    return index === 29 ? odd : callTo(queue);
  });
  const results = await broker.publish(batch, NO_FENCE);
  expect(fates(results)).toEqual(
    batch.map((one) => (one === forged || one === odd ? "BROKER_REFUSED, may pass" : "confirmed")),
  );
  expect(results[4]).toMatchObject({ error: { message: expect.stringContaining("user_id") as string } });
  expect(new Set(await contents(queue)).size).toBe(26);
  expect(fates(await broker.publish([callTo(queue), callTo(queue)], NO_FENCE))).toEqual([
    "confirmed",
    "confirmed",
  ]);
});

test("a message that no queue takes is refused for now, dropped where that is allowed, and returned for mandatory", async () => {
  const { broker } = await openBed(server.url);
  const exchange = `empty-${randomUUID()}`;
  await withServer(server.url, (channel) => channel.assertExchange(exchange, "fanout"));
  const to = (change: Partial<Route>): Envelope => callTo({ exchange, routingKey: "", ...change });
  const batch = [
    to({}),
    to({ unroutable: "drop" }),
    to({ unroutable: "drop", options: { mandatory: true } }),
  ];
  const results = await broker.publish(batch, NO_FENCE);
  expect(fates(results)).toEqual(["UNROUTABLE, may pass", "confirmed", "UNROUTABLE, may pass"]);
  expect(results[0]).toMatchObject({ error: { message: expect.stringContaining(exchange) as string } });
});

test("a message that comes back is known by its route where the application gave several the same id", async () => {
  const { broker } = await openBed(server.url);
  const queue = await newQueue();
  const options = [{ headers: { ce_id: "same" } }, { headers: { ce_id: 5 }, messageId: "other" }];
  const batch = options.flatMap((one) => [
    callTo({ ...queue, options: one }),
    callTo({ exchange: "", routingKey: "no-such-queue", options: one }),
    callTo({ ...queue, options: one }),
  ]);
  const each = ["confirmed", "UNROUTABLE, may pass", "confirmed"];
  expect(fates(await broker.publish(batch, NO_FENCE))).toEqual([...each, ...each]);
});

test("what cannot be repeated at all is refused for good, and holds up nothing", async () => {
  const { broker } = await openBed(server.url, { payloadBytesMax: 1_000 });
  const queue = await newQueue();
  const unreadable = message({ headers: { [SYSTEM_HEADERS.call]: "amqplib ?" } });
  const large = { ...callTo(queue), payload: Buffer.alloc(1_001) };
  const wide = callTo({ ...queue, options: { headers: { x: "x".repeat(65_500) } } });
  const batch = [callTo(queue), unreadable, large, wide, callTo(queue)];
  expect(fates(await broker.publish(batch, NO_FENCE))).toEqual([
    "confirmed",
    "ENVELOPE_INVALID",
    "PAYLOAD_TOO_LARGE",
    "PAYLOAD_TOO_LARGE",
    "confirmed",
  ]);
});

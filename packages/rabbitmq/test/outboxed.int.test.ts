import { randomUUID } from "node:crypto";
import type { ChannelModel, ConfirmChannel, ConsumeMessage, Options } from "amqplib";
import { connect } from "amqplib";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import {
  createWaybill,
  defineTopic,
  memoryStorage,
  type MemoryTransaction,
  type Waybill,
} from "@waybill/core";
import { outboxed, rabbitmqBroker, type OutboxedOptions } from "@waybill/rabbitmq";
import { waitFor } from "@waybill/services";
import { testRabbitmq } from "@waybill/services/vitest";

const server = testRabbitmq();

interface Bed {
  readonly waybill: Waybill<MemoryTransaction>;
  readonly connection: ChannelModel;
  readonly bare: ConfirmChannel;
  readonly channel: ConfirmChannel;
  readonly exchange: string;
  /** What an untouched consumer got, in order. */
  readonly got: ConsumeMessage[];
}

/** A service with a bare and a wrapped channel, a topic exchange, and a bare consumer of all that goes there. */
async function openBed(options: Partial<OutboxedOptions> = {}): Promise<Bed> {
  const source = `shop-${randomUUID()}`;
  const waybill = createWaybill({
    source,
    storage: memoryStorage({ source }),
    broker: rabbitmqBroker({ url: server.url, exchange: `${source}-waybill` }),
  });
  onTestFinished(() => waybill.stop({ deadlineMs: 1_000 }));
  await waybill.start();
  const connection = await connect(server.url);
  onTestFinished(() => connection.close());
  const bare = await connection.createConfirmChannel();
  const channel = outboxed(bare, { waybill, ...options });
  const { exchange } = await bare.assertExchange(source, "topic");
  const { queue } = await bare.assertQueue("", { exclusive: true });
  await bare.bindQueue(queue, exchange, "#");
  const got: ConsumeMessage[] = [];
  await bare.consume(queue, (message) => void (message && got.push(message)), { noAck: true });
  return { waybill, connection, bare, channel, exchange, got };
}

const text = (message: ConsumeMessage): string => message.content.toString();
const come = (got: readonly unknown[], count: number): Promise<boolean> => waitFor(() => got.length >= count);

const OWN = /^(ce_(specversion|id|source|type|time|partitionkey)|waybill-partition)$/;

/** What the application would see of a message, apart from Waybill's headers. */
function seenOf({ content, fields, properties }: ConsumeMessage) {
  const headers = Object.entries(properties.headers ?? {}).filter(([name]) => !OWN.test(name));
  const { exchange, routingKey } = fields;
  return {
    content,
    exchange,
    routingKey,
    properties: { ...properties, headers: Object.fromEntries(headers) },
  };
}

const CALLS: readonly (Options.Publish | undefined)[] = [
  { persistent: true },
  { deliveryMode: 2, contentType: "application/json", contentEncoding: "utf8" },
  { deliveryMode: true, priority: 3, correlationId: "c", replyTo: "answers", expiration: 60_000 },
  { persistent: true, expiration: "60000", messageId: "m", timestamp: 1_700_000_000, type: "t", appId: "a" },
  { persistent: true, userId: "guest", mandatory: true, messageId: "", type: "" },
  { persistent: true, CC: ["copy.1", "copy.2"], BCC: "hidden" },
  {
    persistent: true,
    headers: {
      text: "ä€𝄞",
      whole: 127,
      short: -129,
      int: 70_000,
      long: 2 ** 40,
      double: 0.1,
      huge: 1e300,
      yes: false,
      nothing: null,
      bytes: Buffer.from([0, 128, 255]),
      list: [1, "two", [3, { four: 4 }]],
      table: { deep: { deeper: [Buffer.from("x"), null] } },
      time: { "!": "timestamp", value: 1_700_000_000 },
      typed: { "!": "float", value: 0.5 },
      uint: { "!": "uint32", value: 4_000_000_000 },
      bigint: { "!": "int64", value: -(2n ** 52n) },
      decimal: { "!": "decimal", value: { places: 2, digits: 1999 } },
      date: new Date(0),
      none: undefined,
    },
  },
];

test("an untouched consumer gets the same from both channels: content, exchange, routing key, properties, headers", async () => {
  const { waybill, bare, channel, exchange, got } = await openBed();
  const publishAll = (to: ConfirmChannel): void => {
    for (const [index, options] of CALLS.entries())
      to.publish(exchange, `order.${index}`, Buffer.from(`{"no":${index}}`), options);
    to.publish(exchange, "order.empty", Buffer.alloc(0), { persistent: true });
    to.publish(exchange, "order.large", Buffer.alloc(300_000, 7), { persistent: true });
  };
  publishAll(bare);
  await bare.waitForConfirms();
  const count = CALLS.length + 2;
  await come(got, count);
  await waybill.runInTransaction(() => publishAll(channel));
  await come(got, 2 * count);
  const inOrder = (messages: readonly ConsumeMessage[]) =>
    messages.map(seenOf).sort((a, b) => (a.routingKey < b.routingKey ? -1 : 1));
  expect(inOrder(got.slice(count))).toEqual(inOrder(got.slice(0, count)));

  const headers = got[count]?.properties.headers ?? {};
  expect(Object.keys(headers).filter((name) => OWN.test(name))).toHaveLength(7);
  expect(headers).toMatchObject({ ce_source: exchange, ce_specversion: "1.0" });
  const sent = got.slice(count).map(({ properties }) => properties.headers?.["ce_id"] as string);
  expect(new Set(sent).size).toBe(count);
});

test("what was published transient is persistent, the one property that differs", async () => {
  const { waybill, channel, exchange, got } = await openBed();
  await waybill.runInTransaction(() => {
    channel.publish(exchange, "a", Buffer.from("unset"));
    channel.publish(exchange, "a", Buffer.from("transient"), { persistent: false });
  });
  await come(got, 2);
  expect(got.map(({ properties }) => properties.deliveryMode as number)).toEqual([2, 2]);
});

test("messages leave if and only if the transaction commits, with the content that they had when they were published", async () => {
  const { waybill, channel, exchange, got } = await openBed();
  const content = Buffer.from("one");
  const options = { headers: { no: 1 } };
  const failing = waybill.runInTransaction(async () => {
    channel.publish(exchange, "a", Buffer.from("rolled back"));
    await channel.waitForConfirms();
    throw new Error("mine");
  });
  await expect(failing).rejects.toThrow("mine");
  await waybill.runInTransaction(() => {
    expect(channel.publish(exchange, "a", content, options)).toBe(true);
    content.fill("x");
    options.headers.no = 2;
    channel.publish(exchange, "a", Buffer.from("two"));
    channel.publish(exchange, "a", Buffer.from("three"));
  });
  await come(got, 3);
  expect(got.map(text)).toEqual(["one", "two", "three"]);
  expect(got[0]?.properties.headers).toMatchObject({ no: 1 });
});

test("sendToQueue goes to the queue", async () => {
  const { waybill, bare, channel } = await openBed();
  const { queue } = await bare.assertQueue("", { exclusive: true });
  const got: ConsumeMessage[] = [];
  await bare.consume(queue, (message) => void (message && got.push(message)), { noAck: true });
  await waybill.runInTransaction(() => channel.sendToQueue(queue, Buffer.from("x"), { messageId: "m" }));
  await come(got, 1);
  expect(got[0]).toMatchObject({
    fields: { exchange: "", routingKey: queue },
    properties: { messageId: "m" },
  });
});

test("callbacks and waitForConfirms wait until it is recorded in the transaction", async () => {
  const { waybill, channel, exchange, got } = await openBed();
  await waybill.runInTransaction(async () => {
    const publish = (content: string): Promise<unknown> =>
      new Promise((resolve) =>
        channel.publish(exchange, "a", Buffer.from(content), undefined, (...answer: unknown[]) =>
          resolve(answer[0]),
        ),
      );
    expect(await publish("one")).toBeNull();
    channel.publish(exchange, "a", Buffer.from("two"));
    await channel.waitForConfirms();
    expect(got).toEqual([]);
  });
  await come(got, 2);
  const unrecorded = waybill.runInTransaction(async () => {
    waybill.calls.recorded = () => Promise.reject(new Error("no room"));
    const error = await new Promise((resolve) => {
      channel.sendToQueue("q", Buffer.from("x"), {}, resolve);
    });
    throw error;
  });
  await expect(unrecorded).rejects.toThrow("no room");
});

test("a Waybill consumer takes such a message for one of the topic that its routing key names, once", async () => {
  const { waybill, channel, exchange } = await openBed({ key: () => "k" });
  const handled: unknown[] = [];
  const Placed = defineTopic("order.placed", { version: 1, schema: z.object({ no: z.number() }) });
  const consumers = createWaybill({
    source: `${exchange}-mail`,
    storage: memoryStorage({ source: `${exchange}-mail` }),
    broker: rabbitmqBroker({ url: server.url, exchange, queuePrefix: `${exchange}.` }),
  });
  onTestFinished(() => consumers.stop({ deadlineMs: 1_000 }));
  consumers.consumer("mail").on(Placed, ({ no }, { message }) => void handled.push([no, message.key]));
  await consumers.start();
  await waybill.runInTransaction(() => {
    for (const no of [1, 2, 3]) channel.publish(exchange, "order.placed", Buffer.from(`{"no":${no}}`));
  });
  await come(handled, 3);
  expect(handled).toEqual([
    [1, "k"],
    [2, "k"],
    [3, "k"],
  ]);
});

test("outside of a transaction they throw, and so does waitForConfirms", async () => {
  const { channel, exchange } = await openBed();
  const outside = expect.objectContaining({ code: "NOT_IN_TRANSACTION" }) as Error;
  expect(() => channel.publish(exchange, "a", Buffer.from("x"))).toThrow(outside);
  expect(() => channel.sendToQueue("q", Buffer.from("x"))).toThrow(outside);
  await expect(channel.waitForConfirms()).rejects.toThrow(outside);
});

const WRONG: readonly (readonly unknown[])[] = [
  ["e", "k", "text"],
  ["e", "k", new Uint8Array(3)],
  ["e", "k"],
  [5, "k", Buffer.alloc(1)],
  ["e", "k".repeat(256), Buffer.alloc(1)],
  ["e", "k", Buffer.alloc(1), { contentType: 5 }],
  ["e", "k", Buffer.alloc(1), { expiration: null }],
  ["e", "k", Buffer.alloc(1), { priority: 256 }],
  ["e", "k", Buffer.alloc(1), { headers: "text" }],
  ["e", "k", Buffer.alloc(1), { headers: { f: () => 1 } }],
  ["e", "k", Buffer.alloc(1), { headers: { list: [undefined] } }],
  ["e", "k", Buffer.alloc(1), { headers: { odd: { "!": "odd", value: 1 } } }],
  ["e", "k", Buffer.alloc(1), { headers: { wide: "x".repeat(70_000) } }],
];

test("what the library refuses at once is refused with the same error, and nothing is taken", async () => {
  const { waybill, bare, channel, exchange, got } = await openBed();
  const errorOf = (to: ConfirmChannel, args: readonly unknown[]): unknown => {
    try {
      return to.publish(...(args as Parameters<ConfirmChannel["publish"]>));
    } catch (error) {
      return error;
    }
  };
  const expected = WRONG.map((args) => errorOf(bare, args));
  for (const error of expected) expect(error).toBeInstanceOf(Error);
  await waybill.runInTransaction(() => {
    const errors = WRONG.map((args) => errorOf(channel, args));
    expect(errors).toEqual(expected);
    expect(errors.map((error) => (error as Error).name)).toEqual(
      expected.map((error) => (error as Error).name),
    );
    channel.publish(exchange, "a", Buffer.from("only"));
  });
  await come(got, 1);
  expect(got.map(text)).toEqual(["only"]);
});

test("everything else goes to the channel itself, and it need not be open", async () => {
  const { waybill, connection, bare, channel, exchange } = await openBed();
  expect(channel).toBeInstanceOf(bare.constructor);
  expect(channel.on("drain", () => undefined)).toBe(channel);
  expect(bare.listenerCount("drain")).toBe(1);
  await channel.prefetch(5);
  const { queue } = await channel.assertQueue("", { exclusive: true });
  await channel.bindQueue(queue, exchange, "#");
  const mine: ConsumeMessage[] = [];
  await channel.consume(queue, (message) => {
    if (message === null) return;
    mine.push(message);
    channel.ack(message);
  });
  await waybill.runInTransaction(() => void channel.publish(exchange, "a", Buffer.from("one")));
  await come(mine, 1);
  await waitFor(async () => (await channel.checkQueue(queue)).messageCount === 0);
  await bare.close();
  expect(() => bare.publish(exchange, "a", Buffer.from("x"))).toThrow("Channel closed");
  await waybill.runInTransaction(() => void channel.publish(exchange, "a", Buffer.from("two")));
  const other = await connection.createChannel();
  await waitFor(async () => (await other.checkQueue(queue)).messageCount === 1);
});

test("an own key orders messages of several routes; one that is none, and unknown options, are refused", async () => {
  const { waybill, bare, channel, exchange, got } = await openBed({
    key: ({ options }) => (options.messageId === "none" ? "" : null),
  });
  const keyed = outboxed(bare, { waybill, key: ({ content }) => content.toString().slice(0, 1) });
  await waybill.runInTransaction(() => {
    const invalid = expect.objectContaining({ code: "OPTIONS_INVALID" }) as Error;
    const none = (): boolean => channel.publish(exchange, "a", Buffer.from("x"), { messageId: "none" });
    expect(none).toThrow(invalid);
    for (let no = 0; no < 20; no += 1) keyed.publish(exchange, `route.${no}`, Buffer.from(`a${no}`));
  });
  await come(got, 20);
  expect(got.map(text)).toEqual(Array.from({ length: 20 }, (_, no) => `a${no}`));
  expect(new Set(got.map(({ properties }) => properties.headers?.["ce_partitionkey"] as string))).toEqual(
    new Set(["a"]),
  );
  const wrong = { waybill, keys: "x" } as unknown as OutboxedOptions;
  expect(() => outboxed(bare, wrong)).toThrow(/outboxed: .*keys/);
});

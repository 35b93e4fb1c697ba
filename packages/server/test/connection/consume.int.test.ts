import type { ConsumeMessage, GetMessage } from "amqplib";
import { waitFor } from "@waybill/services";
import { expect, test } from "vitest";
import { startBed, type ServerBed } from "../support/server-bed.ts";

async function channelOf({ connect }: ServerBed) {
  const model = await connect();
  const channel = await model.createConfirmChannel();
  channel.on("error", () => {});
  return channel;
}

type TestChannel = Awaited<ReturnType<typeof channelOf>>;

async function fill(channel: TestChannel, queue: string, ...texts: string[]): Promise<void> {
  await channel.assertQueue(queue);
  for (const text of texts) channel.sendToQueue(queue, Buffer.from(text));
  await channel.waitForConfirms();
}

function textOf(message: GetMessage | ConsumeMessage | false | null): string {
  return message === false || message === null ? "nothing" : message.content.toString();
}

/** Raw, so that a test can send it where no client would. */
const CONSUME = {
  name: "basic.consume",
  queue: "q",
  consumerTag: "me",
  noLocal: false,
  noAck: true,
  exclusive: false,
  nowait: false,
  arguments: {},
} as const;

test("a consumer gets what is there and what comes, in order, and acknowledges it", async () => {
  const bed = await startBed();
  const channel = await channelOf(bed);
  await fill(channel, "q", "1", "2");
  const got: string[] = [];
  await channel.consume("q", (message) => {
    got.push(textOf(message));
    if (message !== null) channel.ack(message);
  });
  await fill(channel, "q", "3", "4");
  await waitFor(() => got.length === 4);
  expect(got).toEqual(["1", "2", "3", "4"]);
  await channel.close();
  const later = await channelOf(bed);
  expect(await later.checkQueue("q")).toMatchObject({ messageCount: 0, consumerCount: 0 });
});

test("consume-ok comes before the first delivery", async () => {
  const bed = await startBed();
  await fill(await channelOf(bed), "q", "1");
  const client = await bed.open();
  client.send(1, { ...CONSUME, consumerTag: "" });
  const { consumerTag } = await client.expect("basic.consume-ok");
  expect(consumerTag).toMatch(/^amq\.ctag-.{22}$/);
  expect(await client.expect("basic.deliver")).toEqual({
    name: "basic.deliver",
    consumerTag,
    deliveryTag: 1,
    redelivered: false,
    exchange: "",
    routingKey: "q",
  });
});

test("a message that is given back comes again as redelivered; one that is rejected does not", async () => {
  const channel = await channelOf(await startBed());
  await fill(channel, "q", "1");
  const first = await channel.get("q");
  if (first === false) throw new Error("there is nothing");
  expect(first.fields.redelivered).toBe(false);
  channel.nack(first);
  const again = await channel.get("q");
  if (again === false) throw new Error("it did not come again");
  expect(again.fields.redelivered).toBe(true);
  channel.reject(again, false);
  expect(await channel.get("q")).toBe(false);
});

test("what a closed channel, and a lost connection, held comes again in its place", async () => {
  const bed = await startBed();
  const channel = await channelOf(bed);
  await fill(channel, "q", "1", "2", "3");
  const closing = await channelOf(bed);
  await closing.get("q");
  await closing.close();
  expect(textOf(await channel.get("q", { noAck: true }))).toBe("1");

  const client = await bed.open();
  client.send(1, { name: "basic.get", queue: "q", noAck: false });
  await client.expect("basic.get-ok");
  client.socket.resetAndDestroy();
  await waitFor(() => bed.server.report().connections === 2);
  expect(textOf(await channel.get("q", { noAck: true }))).toBe("2");
  expect(textOf(await channel.get("q", { noAck: true }))).toBe("3");
});

test("prefetch bounds what is unsettled; an ack of several makes room for as many", async () => {
  const channel = await channelOf(await startBed());
  await fill(channel, "q", "1", "2", "3", "4", "5");
  const got: ConsumeMessage[] = [];
  await channel.prefetch(2);
  await channel.consume("q", (message) => void (message !== null && got.push(message)));
  await waitFor(() => got.length === 2);
  expect(await channel.checkQueue("q")).toMatchObject({ messageCount: 3 });
  expect(got).toHaveLength(2);
  channel.ack(got[1] as ConsumeMessage, true);
  await waitFor(() => got.length === 4);
  expect(got.map(textOf)).toEqual(["1", "2", "3", "4"]);
});

test("recover brings back everything unsettled", async () => {
  const channel = await channelOf(await startBed());
  await fill(channel, "q", "1", "2");
  await channel.get("q");
  await channel.get("q");
  await channel.recover();
  const again = await channel.get("q");
  expect(again).toMatchObject({ fields: { redelivered: true } });
  expect(textOf(again)).toBe("1");
});

test("a tag that was not delivered is 406 and closes the channel only", async () => {
  const bed = await startBed();
  const client = await bed.open();
  client.send(1, { name: "basic.ack", deliveryTag: 7, multiple: false });
  expect(await client.expect("channel.close")).toMatchObject({
    replyCode: 406,
    replyText: "PRECONDITION_FAILED - unknown delivery tag 7",
    classId: 60,
    methodId: 80,
  });
});

test("a consumer tag is used once at a time", async () => {
  const bed = await startBed();
  await fill(await channelOf(bed), "q");
  const client = await bed.open();
  client.send(1, CONSUME, { name: "basic.cancel", consumerTag: "me", nowait: false }, CONSUME, CONSUME);
  await client.expect("basic.consume-ok");
  await client.expect("basic.cancel-ok");
  await client.expect("basic.consume-ok");
  expect(await client.expect("connection.close")).toMatchObject({
    replyCode: 530,
    replyText: "NOT_ALLOWED - attempt to reuse consumer tag 'me'",
  });
});

test("a cancelled consumer gets nothing more, and a consumer whose queue goes is told", async () => {
  const bed = await startBed();
  const channel = await channelOf(bed);
  await fill(channel, "q");
  const got: string[] = [];
  const { consumerTag } = await channel.consume("q", (message) => void got.push(textOf(message)));
  await channel.cancel(consumerTag);
  await fill(channel, "q", "1");
  expect(await channel.checkQueue("q")).toMatchObject({ messageCount: 1, consumerCount: 0 });
  expect(got).toEqual([]);

  await channel.purgeQueue("q");
  await channel.consume("q", (message) => void got.push(textOf(message)));
  await (await channelOf(bed)).deleteQueue("q");
  await waitFor(() => got.length > 0);
  expect(got).toEqual(["nothing"]);
});

test("a client that does not know basic.cancel from the server is not sent one", async () => {
  const bed = await startBed();
  const channel = await channelOf(bed);
  await fill(channel, "q");
  const client = await bed.open();
  client.send(1, CONSUME);
  await client.expect("basic.consume-ok");
  await channel.deleteQueue("q");
  client.send(1, { name: "confirm.select", nowait: false });
  await client.expect("confirm.select-ok");
});

test("an empty queue name is the last queue that was declared", async () => {
  const bed = await startBed();
  const channel = await channelOf(bed);
  const { queue } = await channel.assertQueue("");
  expect(queue).toMatch(/^amq\.gen-/);
  await channel.bindQueue("", "amq.direct", "");
  channel.publish("amq.direct", queue, Buffer.from("1"));
  await channel.waitForConfirms();
  expect(textOf(await channel.get("", { noAck: true }))).toBe("1");
  const other = await bed.open();
  other.send(1, { name: "basic.get", queue: "", noAck: true });
  expect(await other.expect("channel.close")).toMatchObject({
    replyCode: 404,
    replyText: "NOT_FOUND - no previously declared queue",
  });
});

test("an exclusive queue is for its connection, and goes with it", async () => {
  const bed = await startBed();
  const owner = await bed.connect();
  const channel = await owner.createConfirmChannel();
  await channel.assertQueue("mine", { exclusive: true });
  const other = await channelOf(bed);
  await expect(other.checkQueue("mine")).rejects.toThrow(/405.*RESOURCE_LOCKED/);
  await owner.close();
  await expect((await channelOf(bed)).checkQueue("mine")).rejects.toThrow(/404/);
});

test("methods without an answer are done in their turn", async () => {
  const bed = await startBed();
  const client = await bed.open();
  const rest = { passive: false, durable: false, exclusive: false, autoDelete: false, arguments: {} };
  client.send(
    1,
    { name: "queue.declare", queue: "q", nowait: true, ...rest },
    { name: "exchange.declare", exchange: "x", type: "fanout", internal: false, nowait: true, ...rest },
    { name: "queue.bind", queue: "q", exchange: "x", routingKey: "", nowait: true, arguments: {} },
    { name: "confirm.select", nowait: true },
  );
  client.publish(1, "", Buffer.from("1"), { exchange: "x", mandatory: true });
  await client.expect("basic.ack");
  client.send(
    1,
    { name: "queue.purge", queue: "q", nowait: true },
    { name: "basic.get", queue: "q", noAck: true },
    { name: "queue.delete", queue: "q", ifUnused: false, ifEmpty: false, nowait: true },
    { name: "exchange.delete", exchange: "x", ifUnused: false, nowait: true },
    {
      name: "exchange.declare",
      exchange: "x",
      type: "",
      internal: false,
      nowait: false,
      ...rest,
      passive: true,
    },
  );
  await client.expect("basic.get-empty");
  expect(await client.expect("channel.close")).toMatchObject({ replyCode: 404, classId: 40, methodId: 10 });
});

test("channel.flow stops deliveries and lets them go on", async () => {
  const bed = await startBed();
  const client = await bed.open();
  const channel = await channelOf(bed);
  await fill(channel, "q");
  client.send(1, CONSUME, { name: "channel.flow", active: false });
  await client.expect("basic.consume-ok");
  expect(await client.expect("channel.flow-ok")).toMatchObject({ active: false });
  await fill(channel, "q", "1");
  client.send(1, { name: "confirm.select", nowait: false });
  await client.expect("confirm.select-ok");
  client.send(1, { name: "channel.flow", active: true });
  const next = [(await client.next()).method.name, (await client.next()).method.name];
  expect(next.toSorted()).toEqual(["basic.deliver", "channel.flow-ok"]);
});

test("a consumer that does not read holds up nobody, and gets everything when it reads on", async () => {
  const bed = await startBed({ limits: { outputBytesMax: 65_536 } });
  const channel = await channelOf(bed);
  await fill(channel, "slow");
  await fill(channel, "fast");
  const slow = await bed.open();
  slow.socket.pause();
  slow.send(1, { ...CONSUME, queue: "slow" });
  let fast = 0;
  await (await channelOf(bed)).consume("fast", () => (fast += 1), { noAck: true });
  const body = Buffer.alloc(100_000);
  for (let index = 0; index < 200; index += 1) {
    channel.sendToQueue("slow", body);
    channel.sendToQueue("fast", body);
  }
  await channel.waitForConfirms();
  await waitFor(() => fast === 200);
  // Most of 20 MB wait in the queue, not in the memory of the socket.
  const { messageCount } = await channel.checkQueue("slow");
  expect(messageCount).toBeGreaterThan(50);
  slow.socket.resume();
  await waitFor(() => slow.received.filter(({ method }) => method.name === "basic.deliver").length === 200);
});

test("a client that takes nothing of its replies is not read, and dropped in the end", async () => {
  const bed = await startBed({ limits: { outputBytesMax: 16_384, sendTimeoutMs: 1_000 } });
  const client = await bed.open();
  client.socket.pause();
  const body = Buffer.alloc(100_000);
  for (let index = 0; index < 300; index += 1) client.publish(1, "nowhere", body, { mandatory: true });
  await waitFor(() => bed.events.some((event) => event.type === "connection.closed"), { deadlineMs: 8_000 });
  expect(bed.events.at(-1)).toMatchObject({ reason: "the client takes nothing of what is sent to it" });
  expect(bed.server.report().messagesReturned).toBeLessThan(200);
});

test("a client that asks for much at once gets it as fast as it reads, and no faster", async () => {
  const bed = await startBed({ limits: { outputBytesMax: 65_536 } });
  const channel = await channelOf(bed);
  await channel.assertQueue("q");
  const body = Buffer.alloc(100_000);
  for (let index = 0; index < 200; index += 1) channel.sendToQueue("q", body);
  await channel.waitForConfirms();
  const client = await bed.open();
  client.socket.pause();
  for (let index = 0; index < 200; index += 1)
    client.frames.method(1, { name: "basic.get", queue: "q", noAck: true });
  client.frames.flush();
  const delivered = (): number => bed.server.report().messagesDelivered;
  await waitFor(async () => {
    const before = delivered();
    for (let look = 0; look < 300; look += 1) await channel.checkQueue("q");
    return before > 0 && delivered() === before;
  });
  expect(delivered()).toBeLessThan(150);
  client.socket.resume();
  for (let index = 0; index < 200; index += 1) await client.expect("basic.get-ok");
});

test("an exclusive queue whose connection goes while it is being declared goes as well", async () => {
  const bed = await startBed();
  for (let index = 0; index < 20; index += 1) {
    const client = await bed.open();
    client.send(1, {
      name: "queue.declare",
      queue: `mine-${index}`,
      passive: false,
      durable: false,
      exclusive: true,
      autoDelete: false,
      nowait: false,
      arguments: {},
    });
    client.socket.end();
  }
  await waitFor(() => bed.server.report().connections === 0);
  await waitFor(async () => (await bed.engine.report()).queues.length === 0);
});

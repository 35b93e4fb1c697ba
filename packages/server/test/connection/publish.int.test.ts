import { encodeProperties } from "@waybill/amqp";
import { waitFor } from "@waybill/services";
import { expect, test } from "vitest";
import { frame, header } from "../support/raw-frames.ts";
import type { RawClient } from "../support/raw-client.ts";
import { startBed } from "../support/server-bed.ts";
import { valveOn } from "../support/valve.ts";

async function declare(
  client: RawClient,
  queue: string,
  args: Record<string, string | number> = {},
): Promise<void> {
  client.send(1, {
    name: "queue.declare",
    queue,
    passive: false,
    durable: true,
    exclusive: false,
    autoDelete: false,
    nowait: false,
    arguments: args,
  });
  await client.expect("queue.declare-ok");
}

async function confirming(client: RawClient): Promise<void> {
  client.send(1, { name: "confirm.select", nowait: false });
  await client.expect("confirm.select-ok");
}

test("what comes in one chunk is confirmed together, and not before it is on disk", async () => {
  const valve = valveOn();
  const { open } = await startBed({ wrap: valve.wrap });
  const client = await open();
  await declare(client, "q");
  await confirming(client);
  valve.close();
  for (let index = 0; index < 10; index += 1)
    client.frames.publish(1, {
      exchange: "",
      routingKey: "q",
      mandatory: false,
      properties: Buffer.alloc(2),
      body: Buffer.from(`m${index}`),
    });
  client.frames.flush();
  await waitFor(() => valve.waiting > 0);
  // A method behind them is answered, so they have been handled.
  client.send(1, { name: "basic.qos", prefetchSize: 0, prefetchCount: 1, global: false });
  await client.expect("basic.qos-ok");
  valve.open();
  expect(await client.expect("basic.ack")).toEqual({ name: "basic.ack", deliveryTag: 10, multiple: true });
});

test("what was flushed first is confirmed first, whatever order the disk answers in", async () => {
  const valve = valveOn();
  const { open } = await startBed({ wrap: valve.wrap });
  const client = await open();
  await declare(client, "q");
  await confirming(client);
  valve.close();
  client.publish(1, "q", Buffer.from("one"));
  await waitFor(() => valve.waiting === 1);
  client.publish(1, "q", Buffer.from("two"));
  await waitFor(() => valve.waiting === 2);
  await valve.letThrough(1);
  client.send(1, { name: "basic.qos", prefetchSize: 0, prefetchCount: 1, global: false });
  await client.expect("basic.qos-ok");
  await valve.letThrough(0);
  expect(await client.expect("basic.ack")).toMatchObject({ deliveryTag: 1, multiple: false });
  expect(await client.expect("basic.ack")).toMatchObject({ deliveryTag: 2, multiple: false });
});

test("a mandatory message without a queue comes back before it is confirmed", async () => {
  const { open } = await startBed();
  const client = await open();
  await confirming(client);
  const properties = encodeProperties({ messageId: "m1" });
  client.publish(1, "nowhere", Buffer.from("back"), { mandatory: true, properties });
  expect(await client.expect("basic.return")).toEqual({
    name: "basic.return",
    replyCode: 312,
    replyText: "NO_ROUTE",
    exchange: "",
    routingKey: "nowhere",
  });
  await client.expect("basic.ack");
  expect(client.received.at(-2)?.body.toString()).toBe("back");
  client.publish(1, "nowhere", Buffer.from("dropped"));
  expect(await client.expect("basic.ack")).toMatchObject({ deliveryTag: 2 });
});

test("a message that a full queue refuses is nacked by itself, between the acks of the others", async () => {
  const { open } = await startBed();
  const client = await open();
  await declare(client, "full", { "x-max-length": 1, "x-overflow": "reject-publish" });
  await declare(client, "q");
  await confirming(client);
  client.publish(1, "full", Buffer.from("the one it takes"));
  expect(await client.expect("basic.ack")).toMatchObject({ deliveryTag: 1 });
  for (const routingKey of ["q", "q", "full", "q"])
    client.frames.publish(1, {
      exchange: "",
      routingKey,
      mandatory: false,
      properties: Buffer.alloc(2),
      body: Buffer.from("x"),
    });
  client.frames.flush();
  expect(await client.expect("basic.ack")).toMatchObject({ deliveryTag: 3, multiple: true });
  expect(await client.expect("basic.nack")).toMatchObject({ deliveryTag: 4, multiple: false });
  expect(await client.expect("basic.ack")).toMatchObject({ deliveryTag: 5, multiple: false });
});

test("bodies of many frames, and of none, arrive whole, one after the other", async () => {
  const { connect } = await startBed({ limits: { messageBytesMax: 1_100_000, partialBytesMax: 1 } });
  const channel = await (await connect()).createConfirmChannel();
  await channel.assertQueue("q");
  const large = Buffer.alloc(1_000_003, "0123456789abcdef");
  for (let index = 0; index < 3; index += 1) channel.sendToQueue("q", large, { contentType: "text/plain" });
  channel.sendToQueue("q", Buffer.alloc(0));
  await channel.waitForConfirms();
  for (let index = 0; index < 3; index += 1) {
    const got = await channel.get("q", { noAck: true });
    expect(got !== false && got.content.equals(large)).toBe(true);
    expect(got).toMatchObject({ properties: { contentType: "text/plain" } });
  }
  expect(await channel.get("q", { noAck: true })).toMatchObject({ content: Buffer.alloc(0) });
});

test("a message that is too large closes its channel with 406 before its body is read", async () => {
  const { open } = await startBed({ limits: { messageBytesMax: 100 } });
  const client = await open();
  await declare(client, "q");
  client.publish(1, "q", Buffer.alloc(101));
  expect(await client.expect("channel.close")).toMatchObject({
    replyCode: 406,
    replyText: "PRECONDITION_FAILED - message size 101 is larger than configured max size 100",
    classId: 60,
    methodId: 40,
  });
});

test("unfinished messages on many channels end at a limit", async () => {
  const { open } = await startBed({ limits: { messageBytesMax: 200_000, partialBytesMax: 300_000 } });
  const client = await open();
  for (let channel = 2; channel <= 4; channel += 1) {
    client.send(channel, { name: "channel.open" });
    await client.expect("channel.open-ok");
  }
  for (let channel = 1; channel <= 4; channel += 1) {
    client.send(channel, {
      name: "basic.publish",
      exchange: "",
      routingKey: "q",
      mandatory: false,
      immediate: false,
    });
    client.write(frame(2, channel, header(200_000)));
    client.write(frame(3, channel, Buffer.alloc(100_000)));
  }
  expect(await client.expect("connection.close")).toMatchObject({ replyCode: 506 });
});

test("the property user-id must be true", async () => {
  const { open } = await startBed();
  const client = await open();
  await confirming(client);
  client.publish(1, "q", Buffer.from("x"), { properties: encodeProperties({ userId: "guest" }) });
  await client.expect("basic.ack");
  client.publish(1, "q", Buffer.from("x"), { properties: encodeProperties({ userId: "ann" }) });
  expect(await client.expect("channel.close")).toMatchObject({
    replyCode: 406,
    replyText: "PRECONDITION_FAILED - user_id property set to 'ann' but authenticated user was 'guest'",
  });
});

test("a client that publishes faster than the disk takes it is not read, and loses nothing", async () => {
  const valve = valveOn();
  const { open, server } = await startBed({
    wrap: valve.wrap,
    limits: { unflushedBytesMax: 65_536 },
  });
  const client = await open();
  await declare(client, "q");
  await confirming(client);
  valve.close();
  const body = Buffer.alloc(10_000);
  for (let index = 0; index < 1_000; index += 1) client.publish(1, "q", body);
  await waitFor(() => server.report().unflushedBytes > 65_536);
  const taken = server.report().messagesPublished;
  expect(taken).toBeLessThan(100);
  valve.open();
  await waitFor(() => server.report().messagesConfirmed === 1_000);
});

test("the limit on what waits for the disk holds for all connections together", async () => {
  const valve = valveOn();
  const { open, server } = await startBed({
    wrap: valve.wrap,
    limits: { unflushedTotalBytesMax: 100_000 },
  });
  const clients = await Promise.all([open(), open(), open()]);
  for (const client of clients) {
    await declare(client, "q");
    await confirming(client);
  }
  valve.close();
  const body = Buffer.alloc(10_000);
  for (let index = 0; index < 100; index += 1) for (const client of clients) client.publish(1, "q", body);
  await waitFor(() => server.report().unflushedBytes > 100_000);
  expect(server.report().messagesPublished).toBeLessThan(60);
  valve.open();
  await waitFor(() => server.report().messagesConfirmed === 300);
});

test("when the disk fails nothing is confirmed, and the connections are closed with 541", async () => {
  const valve = valveOn();
  const { open, events } = await startBed({ wrap: valve.wrap });
  const client = await open();
  const other = await open();
  await declare(client, "q");
  await confirming(client);
  valve.close();
  client.publish(1, "q", Buffer.from("x"));
  await waitFor(() => valve.waiting === 1);
  valve.engine.onFailed(new Error("EIO"));
  valve.fail(new Error("EIO"));
  expect(await client.expect("connection.close")).toMatchObject({ replyCode: 541 });
  expect(await other.expect("connection.close")).toMatchObject({ replyCode: 541 });
  expect(events).toContainEqual(expect.objectContaining({ type: "server.failed" }));
});

test("publishers are told that they have to wait, and are not read meanwhile; consumers are left alone", async () => {
  const { open, engine, server } = await startBed();
  const capabilities = { "connection.blocked": true };
  const publisher = await open({ capabilities });
  const consumer = await open({ capabilities });
  const simple = await open();
  await declare(publisher, "q");
  await confirming(publisher);
  await confirming(simple);
  engine.onBlocked("low on disk");
  for (const client of [publisher, simple]) {
    client.publish(1, "q", Buffer.from("x"));
    await waitFor(() => client.received.some(({ method }) => method.name === "basic.ack"));
    client.publish(1, "q", Buffer.from("y"));
  }
  consumer.send(1, { name: "basic.get", queue: "q", noAck: true });
  await consumer.expect("basic.get-ok");
  expect(await publisher.expect("connection.blocked")).toMatchObject({ reason: "low on disk" });
  await publisher.expect("basic.ack");
  expect(server.report().messagesPublished).toBe(2);
  engine.onBlocked(null);
  await publisher.expect("connection.unblocked");
  expect(await publisher.expect("basic.ack")).toMatchObject({ deliveryTag: 2 });
  await waitFor(() => server.report().messagesConfirmed === 4);
  expect(simple.received.every(({ method }) => !method.name.startsWith("connection.blocked"))).toBe(true);
});

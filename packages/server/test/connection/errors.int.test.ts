import { encodeMethod, type Method } from "@waybill/amqp";
import { expect, test } from "vitest";
import { frame, header } from "../support/raw-frames.ts";
import type { RawClient } from "../support/raw-client.ts";
import { startBed } from "../support/server-bed.ts";

const PUBLISH: Method = {
  name: "basic.publish",
  exchange: "",
  routingKey: "q",
  mandatory: false,
  immediate: false,
};

const wrongs: Record<string, { readonly code: number; readonly send: (client: RawClient) => void }> = {
  "a frame of an unknown type": { code: 501, send: (c) => c.write(frame(7, 1, Buffer.alloc(4))) },
  "a frame without its end": { code: 501, send: (c) => c.write(frame(1, 1, Buffer.alloc(4), 0)) },
  "a frame that is too large": {
    code: 501,
    send: (c) => c.write(Buffer.from([1, 0, 1, 0x7f, 0xff, 0xff, 0xff])),
  },
  "a heartbeat on a channel": { code: 505, send: (c) => c.write(frame(8, 1, Buffer.alloc(0))) },
  "a method that is cut off": {
    code: 502,
    send: (c) => c.write(frame(1, 1, encodeMethod(PUBLISH).subarray(0, 6))),
  },
  "a method that does not exist": {
    code: 540,
    send: (c) => c.write(frame(1, 1, Buffer.from([0, 60, 0, 99]))),
  },
  "a method for clients": { code: 503, send: (c) => c.send(1, { name: "basic.get-empty" }) },
  "a method of connections on a channel": {
    code: 503,
    send: (c) => c.send(1, { name: "connection.open", virtualHost: "/" }),
  },
  "a method of channels on the connection": { code: 503, send: (c) => c.send(0, { name: "channel.open" }) },
  "a channel that is not open": {
    code: 504,
    send: (c) => c.send(2, { name: "basic.get", queue: "q", noAck: true }),
  },
  "a channel that is open already": { code: 504, send: (c) => c.send(1, { name: "channel.open" }) },
  "content without a method": { code: 505, send: (c) => c.write(frame(2, 1, header(1))) },
  "content on a channel that is not open": { code: 505, send: (c) => c.write(frame(3, 2, header(1))) },
  "a method amid content": { code: 505, send: (c) => c.send(1, PUBLISH, PUBLISH) },
  "a body before its header": {
    code: 505,
    send: (c) => {
      c.send(1, PUBLISH);
      c.write(frame(3, 1, Buffer.from("x")));
    },
  },
  "two headers": {
    code: 505,
    send: (c) => {
      c.send(1, PUBLISH);
      c.write(frame(2, 1, header(5)));
      c.write(frame(2, 1, header(5)));
    },
  },
  "content of another class": {
    code: 501,
    send: (c) => {
      c.send(1, PUBLISH);
      c.write(frame(2, 1, header(5, 50)));
    },
  },
  "a body that is longer than it says": {
    code: 501,
    send: (c) => {
      c.send(1, PUBLISH);
      c.write(frame(2, 1, header(2)));
      c.write(frame(3, 1, Buffer.from("xxx")));
    },
  },
  "delivery that must be immediate": { code: 540, send: (c) => c.send(1, { ...PUBLISH, immediate: true }) },
  "a transaction": { code: 540, send: (c) => c.send(1, { name: "tx.select" }) },
  "a prefetch in bytes": {
    code: 540,
    send: (c) => c.send(1, { name: "basic.qos", prefetchSize: 1, prefetchCount: 0, global: false }),
  },
  "recovery without requeueing": {
    code: 540,
    send: (c) => c.send(1, { name: "basic.recover", requeue: false }),
  },
};

for (const [what, { code, send }] of Object.entries(wrongs)) {
  test(`${what} closes the connection with ${code}, and no other`, async () => {
    const { open } = await startBed();
    const other = await open();
    const client = await open();
    send(client);
    expect(await client.expect("connection.close")).toMatchObject({ replyCode: code });
    client.socket.end();
    await client.closed();
    other.send(1, { name: "confirm.select", nowait: false });
    await other.expect("confirm.select-ok");
  });
}

test("a channel that is refused something is closed, with the method at fault; the others go on", async () => {
  const { open } = await startBed();
  const client = await open();
  client.send(2, { name: "channel.open" });
  await client.expect("channel.open-ok");
  // What comes behind the error on the same channel is ignored, until the client has agreed.
  client.send(
    1,
    { name: "basic.get", queue: "nowhere", noAck: true },
    { name: "basic.get", queue: "nowhere", noAck: true },
    PUBLISH,
  );
  client.write(Buffer.concat([frame(2, 1, header(2)), frame(3, 1, Buffer.from("xx"))]));
  expect(await client.expect("channel.close")).toMatchObject({
    replyCode: 404,
    replyText: "NOT_FOUND - no queue 'nowhere' in vhost '/'",
    classId: 60,
    methodId: 70,
  });
  client.send(2, { name: "confirm.select", nowait: false });
  await client.expect("confirm.select-ok");
  client.send(1, { name: "channel.close-ok" }, { name: "channel.open" });
  await client.expect("channel.open-ok");
  expect(client.received.at(-1)?.channel).toBe(1);
});

test("both sides may close a channel at the same time", async () => {
  const { open } = await startBed();
  const client = await open();
  const close = { replyCode: 200, replyText: "", classId: 0, methodId: 0 };
  client.send(
    1,
    { name: "basic.get", queue: "nowhere", noAck: true },
    { name: "channel.close", ...close },
    { name: "channel.close-ok" },
    { name: "channel.open" },
  );
  await client.expect("channel.close");
  await client.expect("channel.close-ok");
  await client.expect("channel.open-ok");
});

test("more channels than agreed on are 530", async () => {
  const { dial } = await startBed();
  const client = await dial();
  await client.handshake({ channelMax: 2 });
  client.send(1, { name: "channel.open" });
  client.send(2, { name: "channel.open" });
  await client.expect("channel.open-ok");
  await client.expect("channel.open-ok");
  client.send(3, { name: "channel.open" });
  expect(await client.expect("connection.close")).toMatchObject({
    replyCode: 530,
    replyText: "NOT_ALLOWED - number of channels opened (2) has reached the negotiated channel_max (2)",
  });
});

test("the server waits for the client's agreement to a close, and ignores everything before it", async () => {
  const { open, server } = await startBed();
  const client = await open();
  client.send(1, { name: "tx.select" }, { name: "confirm.select", nowait: false });
  await client.expect("connection.close");
  client.send(1, { name: "confirm.select", nowait: false });
  expect(client.isClosed).toBe(false);
  client.send(0, { name: "connection.close-ok" });
  await client.closed();
  expect(client.received.at(-1)?.method.name).toBe("connection.close");
  expect(server.report()).toMatchObject({ connections: 0, channels: 0 });
});

test("a client that does not agree to a close is dropped", async () => {
  const { open } = await startBed({ limits: { closeTimeoutMs: 100 } });
  const client = await open();
  client.send(1, { name: "tx.select" });
  await client.expect("connection.close");
  await client.closed();
});

test("an engine that throws costs one connection, which is told 541, and nothing else", async () => {
  const broken = new Error("the engine is broken");
  const { open, engine, events, server } = await startBed();
  const other = await open();
  const client = await open();
  const connectionClosed = engine.connectionClosed.bind(engine);
  engine.flush = () => {
    throw broken;
  };
  engine.connectionClosed = () => {
    engine.connectionClosed = connectionClosed;
    throw broken;
  };
  client.send(1, { name: "confirm.select", nowait: false });
  client.publish(1, "q", Buffer.from("x"));
  await client.expect("confirm.select-ok");
  expect(await client.expect("connection.close")).toMatchObject({
    replyCode: 541,
    replyText: "INTERNAL_ERROR - an error inside the server",
  });
  const defects = events.filter(({ type }) => type === "server.defect");
  expect(defects).toContainEqual({ type: "server.defect", level: "error", error: broken });
  expect(server.report()).toMatchObject({ connections: 1, unflushedBytes: 0 });
  other.send(1, { name: "confirm.select", nowait: false });
  await other.expect("confirm.select-ok");
});

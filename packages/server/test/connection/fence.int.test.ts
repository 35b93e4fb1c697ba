import type { ChannelModel, ConfirmChannel, Message } from "amqplib";
import { encodeProperties, type FieldTable } from "@waybill/amqp";
import { expect, test } from "vitest";
import { seededRandom } from "@waybill/services";
import type { RawClient } from "../support/raw-client.ts";
import { startBed } from "../support/server-bed.ts";

const FENCE = "amq.waybill.fence";
const INCARNATION = "01890a5d-ac96-774b-bcce-b302099a8057";

interface Returned {
  readonly code: number;
  readonly exchange: string;
  readonly messageId: unknown;
  readonly bytes: number;
}

/** A confirm channel with the exchange `x`, a queue `q` behind it, and what comes back to it. */
async function openChannel(model: ChannelModel): Promise<{ channel: ConfirmChannel; returned: Returned[] }> {
  const channel = await model.createConfirmChannel();
  const returned: Returned[] = [];
  channel.on("error", () => {});
  channel.on("return", ({ fields, properties, content }: Message) => {
    const { replyCode, exchange } = fields as unknown as { replyCode: number; exchange: string };
    returned.push({ code: replyCode, exchange, messageId: properties.messageId, bytes: content.length });
  });
  await channel.assertExchange("x", "direct", { durable: true });
  await channel.assertQueue("q", { durable: true });
  await channel.bindQueue("q", "x", "thing");
  return { channel, returned };
}

const fenceHeaders = (epoch: number | string): FieldTable => ({
  "waybill-source": "orders",
  "waybill-incarnation": INCARNATION,
  "waybill-epoch": String(epoch),
});

/** Whether it was confirmed. */
function publish(
  channel: ConfirmChannel,
  exchange: string,
  key: string,
  options: { headers?: Record<string, unknown>; messageId?: string } = {},
): Promise<boolean> {
  return new Promise((resolve) => {
    channel.publish(exchange, key, Buffer.from("body"), { persistent: true, ...options }, (error: unknown) =>
      resolve(error === null || error === undefined),
    );
  });
}

function positioned(sequence: number, id = `m${sequence}`) {
  const headers = {
    ce_source: "orders",
    "waybill-partition": "0",
    "waybill-incarnation": INCARNATION,
    "waybill-sequence": String(sequence),
  };
  return { messageId: id, headers };
}

test("the server says that it understands fence messages", async () => {
  const bed = await startBed();
  const model = await bed.connect();
  expect(model.connection.serverProperties).toMatchObject({ capabilities: { "waybill.positions": true } });
});

test("a stale publisher gets its message back with 403 and a nack, without the body", async () => {
  const bed = await startBed();
  const model = await bed.connect();
  const [old, successor] = [await openChannel(model), await openChannel(model)];
  expect(await publish(old.channel, FENCE, "x", { headers: fenceHeaders(1) })).toBe(true);
  expect(await publish(old.channel, "x", "thing", positioned(0))).toBe(true);
  expect(await publish(successor.channel, FENCE, "x", { headers: fenceHeaders(2) })).toBe(true);
  expect(await publish(old.channel, "x", "thing", positioned(1))).toBe(false);
  expect(await publish(old.channel, FENCE, "x", { headers: fenceHeaders(1) })).toBe(false);
  expect(old.returned).toEqual([
    { code: 403, exchange: "x", messageId: "m1", bytes: 0 },
    { code: 403, exchange: FENCE, messageId: undefined, bytes: 0 },
  ]);
  expect((await old.channel.checkQueue("q")).messageCount).toBe(1);
});

test("what stands behind a refused message comes back with 405 until its refusal is acknowledged", async () => {
  const bed = await startBed();
  const { channel, returned } = await openChannel(await bed.connect());
  await publish(channel, FENCE, "x");
  const unroutable = { ...positioned(0), mandatory: true };
  expect(await publish(channel, "x", "nobody", unroutable)).toBe(true);
  expect(await publish(channel, "x", "nobody", positioned(1))).toBe(false);
  expect(await publish(channel, "x", "thing", positioned(0))).toBe(true);
  expect(returned.map(({ code, messageId }) => [code, messageId])).toEqual([
    [312, "m0"],
    [405, "m1"],
  ]);
  await publish(channel, FENCE, "x", { headers: { "waybill-answered": "3" } });
  await channel.bindQueue("q", "x", "nobody");
  expect(await publish(channel, "x", "nobody", positioned(0))).toBe(true);
  expect((await channel.checkQueue("q")).messageCount).toBe(2);
});

test("channels that said nothing are served as ever, next to one that did", async () => {
  const bed = await startBed();
  const model = await bed.connect();
  const [fenced, plain] = [await openChannel(model), await openChannel(model)];
  await publish(fenced.channel, FENCE, "x", { headers: fenceHeaders(2) });
  await publish(fenced.channel, "x", "thing", positioned(0));
  const odd = { headers: { "waybill-sequence": "none", "waybill-epoch": [] } };
  for (const options of [positioned(0), positioned(0), odd])
    expect(await publish(plain.channel, "x", "thing", options)).toBe(true);
  expect((await plain.channel.checkQueue("q")).messageCount).toBe(4);
});

test.each([
  ["an epoch that is no number", fenceHeaders("soon")],
  ["a fence without its source", { "waybill-incarnation": INCARNATION, "waybill-epoch": "1" }],
  ["a table where a text must be", { ...fenceHeaders(1), "waybill-source": { a: 1 } }],
  ["a source without end", { ...fenceHeaders(1), "waybill-source": "x".repeat(256) }],
  ["a negative number of answers", { "waybill-answered": -1 }],
])("%s closes the channel with 406 and raises nothing", async (_, headers) => {
  const bed = await startBed();
  const client = await bed.open();
  client.send(1, declareX, { name: "confirm.select", nowait: true });
  await client.expect("exchange.declare-ok");
  const properties = encodeProperties({ headers });
  client.publish(1, "x", Buffer.alloc(0), { exchange: FENCE, properties });
  expect(await client.expect("channel.close")).toMatchObject({ replyCode: 406 });
  const { channel } = await openChannel(await bed.connect());
  expect(await publish(channel, FENCE, "x", { headers: fenceHeaders(0) })).toBe(true);
});

const declareX = {
  name: "exchange.declare",
  exchange: "x",
  type: "direct",
  passive: false,
  durable: true,
  autoDelete: false,
  internal: false,
  nowait: false,
  arguments: {},
} as const;

test.each([
  ["without publisher confirms", "x", 406],
  ["of an exchange that is not there", "nowhere", 404],
  ["of the default exchange", "", 403],
])("a fence message %s closes the channel", async (_, exchange, replyCode) => {
  const bed = await startBed();
  const client = await bed.open();
  client.send(1, declareX);
  await client.expect("exchange.declare-ok");
  if (replyCode !== 406) client.send(1, { name: "confirm.select", nowait: true });
  client.publish(1, exchange, Buffer.alloc(0), { exchange: FENCE });
  expect(await client.expect("channel.close")).toMatchObject({ replyCode });
});

test("nobody can declare, bind or delete the name of the fence", async () => {
  const bed = await startBed();
  const client = await bed.open();
  client.send(1, { ...declareX, exchange: FENCE });
  expect(await client.expect("channel.close")).toMatchObject({ replyCode: 403 });
});

test("who may not write to the exchange may not raise its fence", async () => {
  const bed = await startBed({ annMay: (permission, name) => permission !== "write" || name === "hers" });
  const owner = await openChannel(await bed.connect());
  await owner.channel.assertExchange("hers", "direct", { durable: true });
  const channel = await (await bed.connect("", "ann")).createConfirmChannel();
  const errors: Error[] = [];
  channel.on("error", (error: Error) => errors.push(error));
  expect(await publish(channel, FENCE, "hers", { headers: fenceHeaders(7) })).toBe(true);
  expect(await publish(channel, FENCE, "x", { headers: fenceHeaders(7) })).toBe(false);
  expect(errors[0]?.message).toMatch(/ACCESS_REFUSED - write access to exchange 'x' in vhost '\/' refused/);
  // Her fence of the same source is of another exchange.
  expect(await publish(owner.channel, FENCE, "x", { headers: fenceHeaders(1) })).toBe(true);
});

test("whatever stands in the properties of a fenced channel, the server goes on", async () => {
  const bed = await startBed();
  const chance = seededRandom(11);
  const owner = await openChannel(await bed.connect());
  const valid = encodeProperties({
    messageId: "m",
    deliveryMode: 2,
    headers: { ...fenceHeaders(1), ...positioned(0).headers, "waybill-answered": "0" },
  });
  const ends = new Set<string>();
  for (let round = 0; round < 150; round += 1) {
    const properties = Buffer.from(valid);
    for (let changes = 0; changes < 1 + chance() * 3; changes += 1)
      properties[Math.floor(chance() * properties.length)] = Math.floor(chance() * 256);
    const client = await bed.open();
    client.send(1, { name: "confirm.select", nowait: true });
    client.publish(1, "x", Buffer.alloc(0), { exchange: FENCE });
    const [exchange, key] = chance() < 0.5 ? [FENCE, "x"] : ["x", "thing"];
    client.publish(1, key, Buffer.from("body"), { exchange, properties });
    client.publish(1, "thing", Buffer.from("last"), { exchange: "x" });
    client.send(1, { name: "basic.qos", prefetchSize: 0, prefetchCount: 1, global: false });
    ends.add(await endOf(client));
    client.socket.destroy();
  }
  expect([...ends].toSorted()).toEqual(["basic.qos-ok", "channel.close", "connection.close"]);
  expect(bed.events.filter(({ type }) => type === "server.defect")).toEqual([]);
  expect(await publish(owner.channel, "x", "thing")).toBe(true);
});

/** Which of them comes: a close, or the answer to what was asked last. */
async function endOf(client: RawClient): Promise<string> {
  const last = ["channel.close", "connection.close", "basic.qos-ok"];
  for (;;) {
    const { method } = await client.next();
    if (last.includes(method.name)) return method.name;
  }
}

import { encodeProperties, METHODS, type Method, type MethodName } from "@waybill/amqp";
import { seededRandom, waitFor } from "@waybill/services";
import { expect, test } from "vitest";
import { frame, header } from "../support/raw-frames.ts";
import type { RawClient } from "../support/raw-client.ts";
import { startBed } from "../support/server-bed.ts";

const SEED = Number(process.env["WAYBILL_SEED"] ?? 20_261_122);
const CLIENTS = Number(process.env["WAYBILL_CLIENTS"] ?? 60);
const METHODS_OF_EACH = 60;

const names = Object.keys(METHODS) as MethodName[];
/** What does not end the connection by itself. */
const harmless = names.filter(
  (name) =>
    /^(exchange|queue|basic|confirm|channel\.flow)/.test(name) &&
    !/-ok$|publish|return|deliver|get-empty/.test(name),
);
/** Names that meet now and then, the odd one, and what the protocol treats in its own way. */
const words = [
  "",
  "a",
  "b",
  "amq.direct",
  "amq.topic",
  "#",
  "a.*",
  "x".repeat(255),
  "ü\u0000",
  "direct",
  "/",
];
const tables = [
  {},
  { "x-max-length": 1, "x-overflow": "reject-publish" },
  { "x-dead-letter-exchange": "a", "x-message-ttl": 0 },
  { "x-queue-type": "quorum", "x-single-active-consumer": true },
  { "alternate-exchange": "b", "x-expires": 1 },
  { "x-match": "any", nested: { list: [1, null, "x"] } },
  { "x-max-length": "many", "x-message-ttl": -1, "x-expires": 0 },
];
const properties = [
  Buffer.alloc(2),
  encodeProperties({ deliveryMode: 2, expiration: "0", headers: { "x-delay": 1, CC: ["a", "b"] } }),
  encodeProperties({ expiration: "soon", priority: 255, userId: "ann", headers: { "x-death": "?" } }),
];

type Random = ReturnType<typeof seededRandom>;

function below(random: Random, count: number): number {
  return Math.floor(random() * count);
}

function oneOf<Value>(random: Random, values: readonly Value[]): Value {
  return values[below(random, values.length)] as Value;
}

function anyArgument(random: Random, type: string): unknown {
  switch (type) {
    case "bit":
      return random() < 0.3;
    case "table":
      return oneOf(random, tables);
    case "shortstr":
    case "text":
      return oneOf(random, words);
    case "bytes":
      return Buffer.from(oneOf(random, words));
    default:
      return oneOf(random, [0, 0, 1, 2, 3, 200]);
  }
}

function anyMethod(random: Random): Method {
  const name = oneOf(random, random() < 0.98 ? harmless : names);
  const method: Record<string, unknown> = { name };
  for (const [argument, type] of Object.entries(METHODS[name].arguments))
    if (!type.startsWith("reserved")) method[argument] = anyArgument(random, type);
  if (random() < 0.9)
    Object.assign(method, { prefetchSize: 0 }, name === "basic.recover" && { requeue: true });
  return method as unknown as Method;
}

function sendSomething(client: RawClient, random: Random): void {
  const channel = random() < 0.97 ? 1 + below(random, 3) : 0;
  const chance = random();
  if (chance < 0.1) reopen(client, channel);
  else if (chance < 0.45)
    client.publish(channel, oneOf(random, words), Buffer.alloc(below(random, 300)), {
      exchange: oneOf(random, words),
      mandatory: random() < 0.5,
      properties: oneOf(random, properties),
    });
  else if (chance < 0.46) client.write(frame(2, channel, header(below(random, 10))));
  else client.send(channel, anyMethod(random));
}

/** Agrees to a close, if there was one, and goes on; else it closes the channel. */
function reopen(client: RawClient, channel: number): void {
  const close = { replyCode: 200, replyText: "", classId: 0, methodId: 0 };
  client.send(
    channel,
    { name: "channel.close", ...close },
    { name: "channel.close-ok" },
    { name: "channel.open" },
  );
}

test("whatever methods clients send in whatever order, none is a defect, and others are served", async () => {
  const bed = await startBed();
  const other = await (await bed.connect("/other")).createConfirmChannel();
  await other.assertQueue("q");
  const random = seededRandom(SEED);
  for (let index = 0; index < CLIENTS; index += 1) {
    const client = await bed.dial();
    await client.handshake();
    for (const channel of [1, 2, 3]) client.send(channel, { name: "channel.open" });
    for (let count = 0; count < METHODS_OF_EACH && !client.isClosed; count += 1)
      sendSomething(client, random);
    // Half of them go while they are being answered.
    if (random() < 0.5) client.socket.end();
    else await settled(client);
    client.socket.destroy();
  }
  await waitFor(() => bed.server.report().connections === 1 && bed.server.report().unflushedBytes === 0);
  expect(
    bed.events.filter(({ type }) => type === "server.defect"),
    `seed ${SEED}`,
  ).toEqual([]);
  expect(bed.server.report()).toMatchObject({ channels: 1, handshakes: 0 });
  other.sendToQueue("q", Buffer.from("still here"));
  await other.waitForConfirms();
  expect(await other.get("q")).not.toBe(false);
});

/** Answered to the end: a client that was not closed is by its own wish. */
async function settled(client: RawClient): Promise<void> {
  client.send(0, { name: "connection.close", replyCode: 200, replyText: "", classId: 0, methodId: 0 });
  const last = ["connection.close", "connection.close-ok"];
  await waitFor(() => client.isClosed || client.received.some(({ method }) => last.includes(method.name)));
}

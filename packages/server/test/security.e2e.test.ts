import { once } from "node:events";
import { connect as dialSocket, type Socket } from "node:net";
import { connect, type ConfirmChannel } from "amqplib";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { PROTOCOL_HEADER, type Method } from "@waybill/amqp";
import { seededRandom, waitFor } from "@waybill/services";
import { startWaybill, type WaybillTarget } from "./support/broker-target.ts";
import { RawClient } from "./support/raw-client.ts";
import { frame } from "./support/raw-frames.ts";

const MIB = 1024 * 1024;
const HANDSHAKE_MS = 1_500;
/** The eight bytes of the header take longer than the handshake may. */
const SLOW_BYTE_MS = 1_000;
const TOO_DEEP = { name: "connection.close", replyCode: 502 };
const SECRET = "the-secret-of-the-queue";
const QUEUE = "queue-that-nobody-may-know";
/** How much more the server may take while it is attacked; its garbage collection takes its time. */
const GROWTH_BYTES_MAX = 120 * MIB;

let broker: WaybillTarget;
let channel: ConfirmChannel;

beforeAll(async () => {
  broker = await startWaybill({
    limits: { handshakeTimeoutMs: HANDSHAKE_MS, handshakesMax: 300, closeTimeoutMs: HANDSHAKE_MS },
  });
  const client = await connect(broker.url);
  channel = await client.createConfirmChannel();
  await channel.assertQueue(QUEUE);
  channel.sendToQueue(QUEUE, Buffer.from(SECRET), { persistent: true });
  await channel.waitForConfirms();
  return async () => {
    await client.close();
    await broker[Symbol.asyncDispose]();
  };
});

/** The server works for who may use it: nothing was read, written or held up. */
async function expectUntouched(): Promise<void> {
  expect(await channel.checkQueue(QUEUE)).toMatchObject({ messageCount: 1, consumerCount: 0 });
  channel.publish("", "nowhere", Buffer.alloc(0));
  await channel.waitForConfirms();
  const client = await waitFor(() => connect(broker.url), { describe: "a login", intervalMs: 100 });
  await client.close();
}

async function report(): Promise<{ rss: number; handshakes: number }> {
  const { process } = broker;
  const known = process.lines.length;
  process.kill("SIGUSR2");
  const line = await waitFor(() => process.lines.slice(known).find(({ event }) => event === "report"));
  return line as unknown as { rss: number; handshakes: number };
}

interface Attacker {
  readonly socket: Socket;
  readonly answers: Buffer[];
  isClosed: boolean;
}

/** A connection that never logs in. */
async function attack(...bytes: (Uint8Array | string)[]): Promise<Attacker> {
  const socket = dialSocket({ port: broker.port, host: broker.host });
  const attacker: Attacker = { socket, answers: [], isClosed: false };
  socket.on("data", (chunk: Buffer) => void attacker.answers.push(chunk));
  socket.on("error", () => {}); // The server may drop it.
  socket.on("close", () => (attacker.isClosed = true));
  onTestFinished(() => void socket.destroy());
  await Promise.race([once(socket, "connect"), once(socket, "close")]);
  for (const part of bytes) socket.write(part);
  return attacker;
}

async function expectAllDropped(attackers: readonly Attacker[]): Promise<void> {
  await waitFor(() => attackers.every(({ isClosed }) => isClosed), {
    deadlineMs: HANDSHAKE_MS + 20_000,
    describe: () => `${attackers.filter(({ isClosed }) => !isClosed).length} connections to be dropped`,
  });
  const told = Buffer.concat(attackers.flatMap(({ answers }) => answers)).toString("latin1");
  expect(told).not.toContain(SECRET);
  expect(told).not.toContain(QUEUE);
}

describe("a client that has not logged in", () => {
  test("sends garbage instead of, behind and within the handshake, and is dropped", async () => {
    const chance = seededRandom(6);
    const garbage = (bytes: number): Buffer =>
      Buffer.from(Array.from({ length: bytes }, () => Math.floor(chance() * 256)));
    const attackers: Attacker[] = [];
    for (let round = 0; round < 60; round += 1) {
      const size = 1 + Math.floor(chance() * 2_000);
      attackers.push(
        await attack(garbage(size)),
        await attack(PROTOCOL_HEADER.subarray(0, round % 8), garbage(size)),
        await attack(PROTOCOL_HEADER, garbage(size)),
        await attack(PROTOCOL_HEADER, frame(1 + (round % 8), round % 3, garbage(size))),
        await attack(
          PROTOCOL_HEADER,
          frame(1, 0, Buffer.concat([Buffer.from([0, 10, 0, 11]), garbage(size)])),
        ),
      );
    }
    await expectAllDropped(attackers);
    await expectUntouched();
  });

  test("asks for queues, messages and bindings without having logged in, and gets none", async () => {
    const flags = { passive: true, durable: true, exclusive: false, autoDelete: false, nowait: false };
    const consumer = { queue: QUEUE, consumerTag: "c", noLocal: false, noAck: true, exclusive: false };
    const methods: Method[] = [
      { name: "queue.declare", queue: QUEUE, ...flags, arguments: {} },
      { name: "basic.get", queue: QUEUE, noAck: true },
      { name: "basic.consume", ...consumer, nowait: false, arguments: {} },
      { name: "queue.purge", queue: QUEUE, nowait: true },
      { name: "queue.delete", queue: QUEUE, ifUnused: false, ifEmpty: false, nowait: true },
      { name: "connection.open", virtualHost: "/" },
      { name: "connection.tune-ok", channelMax: 0, frameMax: 0, heartbeat: 0 },
      { name: "connection.secure-ok", response: Buffer.alloc(4) },
      { name: "connection.update-secret", newSecret: Buffer.from("x"), reason: "" },
    ];
    for (const number of [0, 1]) {
      for (const method of methods) {
        const client = await RawClient.dial(broker.port);
        client.start();
        await client.expect("connection.start");
        if (number === 1) client.send(1, { name: "channel.open" });
        client.send(number, method);
        client.publish(1, QUEUE, Buffer.from("forged"));
        await waitFor(() => client.isClosed || client.received.length > 1, { deadlineMs: 10_000 });
        const answers = client.received.slice(1).map(({ method: { name } }) => name);
        expect(answers.filter((name) => name !== "connection.close")).toEqual([]);
        client.socket.destroy();
      }
    }
    await expectUntouched();
  });

  test("learns neither which users nor which virtual hosts there are", async () => {
    const answers = new Set<string>();
    const logins = [
      ["guest", "wrong"],
      ["nobody", "wrong"],
      ["nobody", "guest"],
      ["", ""],
    ];
    for (const [user = "", password = ""] of logins) {
      const client = await RawClient.dial(broker.port);
      await client.login({ user, password, capabilities: { authentication_failure_close: true } });
      // What stands behind the login is not looked at.
      client.send(0, { name: "connection.open", virtualHost: "closed" });
      const { replyCode, replyText } = await client.expect("connection.close");
      answers.add(`${replyCode} ${replyText}`);
    }
    expect([...answers]).toEqual([expect.stringMatching(/^403 ACCESS_REFUSED/)]);
  });

  test("opens connection after connection, and neither takes memory nor keeps users out", async () => {
    const before = await report();
    const attackers: Attacker[] = [];
    for (let group = 0; group < 15; group += 1) {
      attackers.push(...(await Promise.all(Array.from({ length: 100 }, () => attack(PROTOCOL_HEADER)))));
    }
    const during = await report();
    expect(during.handshakes).toBeLessThanOrEqual(300);
    expect(during.rss - before.rss).toBeLessThan(GROWTH_BYTES_MAX);
    expect(await channel.checkQueue(QUEUE)).toMatchObject({ messageCount: 1 });
    await expectAllDropped(attackers);
    await expectUntouched();
  });

  test("sends its handshake byte by byte, and is dropped when its time is over", async () => {
    const attackers = await Promise.all(
      Array.from({ length: 200 }, () => attack(PROTOCOL_HEADER.subarray(0, 1))),
    );
    const from = Date.now();
    let sent = 1;
    const trickle = setInterval(() => {
      const byte = PROTOCOL_HEADER.subarray(sent % 8, (sent % 8) + 1);
      sent += 1;
      for (const { socket } of attackers) if (socket.writable) socket.write(byte);
    }, SLOW_BYTE_MS);
    onTestFinished(() => clearInterval(trickle));
    await expectAllDropped(attackers);
    expect(Date.now() - from).toBeLessThan(HANDSHAKE_MS + 5_000);
    await expectUntouched();
  });

  test("announces frames of gigabytes and sends them, and takes no memory", async () => {
    const before = await report();
    const huge = Buffer.alloc(7);
    huge[0] = 1;
    huge.writeUInt32BE(0xffff_ffff, 3);
    const megabytes = Buffer.alloc(4 * MIB, 0x41);
    const attackers = await Promise.all(
      Array.from({ length: 100 }, () => attack(PROTOCOL_HEADER, huge, megabytes)),
    );
    const isTaken = ({ socket, isClosed }: Attacker): boolean => isClosed || socket.writableLength === 0;
    await waitFor(() => attackers.every(isTaken), { describe: "the server to take or to refuse them" });
    const during = await report();
    expect(during.rss - before.rss).toBeLessThan(GROWTH_BYTES_MAX);
    await expectAllDropped(attackers);
    await expectUntouched();
  });
});

describe("a client that has logged in", () => {
  test.each(["closed", "missing"])("does not enter the virtual host %s", async (virtualHost) => {
    const client = await RawClient.dial(broker.port);
    await expect(client.handshake({ virtualHost })).rejects.toThrow(/"connection.close"/);
    expect(client.received.at(-1)!.method).toMatchObject({ replyCode: 530 });
    await expectUntouched();
  });

  test.each([
    ["arrays in arrays", (depth: number) => nested(depth, arrayOf), 20_000, TOO_DEEP],
    ["tables in tables", (depth: number) => nested(depth, tableOf), 15_000, TOO_DEEP],
    [
      "a table of 18,000 fields",
      () => Buffer.concat(Array.from({ length: 18_000 }, (_, n) => field(n))),
      0,
      { name: "queue.declare-ok" },
    ],
  ])("sends %s as arguments, and hurts at most itself", async (_name, make, depth, answer) => {
    const before = await report();
    const fields = make(depth);
    const table = Buffer.alloc(4 + fields.length);
    table.writeUInt32BE(fields.length);
    fields.copy(table, 4);
    for (let round = 0; round < 20; round += 1) {
      const client = await RawClient.dial(broker.port);
      await client.handshake();
      client.send(1, { name: "channel.open" });
      await client.expect("channel.open-ok");
      client.write(frame(1, 1, Buffer.concat([queueDeclare(`deep-${round}`), table])));
      expect((await client.next()).method).toMatchObject(answer);
      client.socket.destroy();
    }
    const { rss } = await report();
    expect(rss - before.rss).toBeLessThan(GROWTH_BYTES_MAX);
    await expectUntouched();
  });
});

/** A queue.declare up to its arguments. */
function queueDeclare(queue: string): Buffer {
  const head = Buffer.from([0, 50, 0, 10, 0, 0, queue.length]);
  return Buffer.concat([head, Buffer.from(queue), Buffer.from([0b0000_1000])]);
}

/** A field with a name of four characters that holds `true`. */
function field(number: number): Buffer {
  return Buffer.from(`\u0004${number.toString(36).padStart(4, "0")}t\u0001`, "latin1");
}

/** `depth` values inside each other, innermost first. */
function nested(depth: number, wrap: (size: number) => Buffer): Buffer {
  const heads: Buffer[] = [];
  let size = 0;
  for (let level = 0; level < depth && size < 120_000; level += 1) {
    const head = wrap(size);
    heads.unshift(head);
    size += head.length;
  }
  // The outermost one stands in a table: its field has a name.
  return Buffer.concat([Buffer.from("\u0001a"), ...heads]);
}

function arrayOf(size: number): Buffer {
  const head = Buffer.from("A\0\0\0\0", "latin1");
  head.writeUInt32BE(size, 1);
  return head;
}

function tableOf(size: number): Buffer {
  const head = Buffer.from(size === 0 ? "F\0\0\0\0" : "F\0\0\0\0\u0001a", "latin1");
  head.writeUInt32BE(size === 0 ? 0 : size + 2, 1);
  return head;
}

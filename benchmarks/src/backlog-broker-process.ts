import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeProperties } from "@waybill/amqp";
import type { QueueEngine, Session, VirtualHost } from "@waybill/broker/queues";
import { openQueueEngine } from "@waybill/broker/queues";

/*
 * A process that holds a queue engine and nothing else. `fill`: publishes messages of 200 bytes that nobody consumes, and
 * ends without closing. `drain`: opens what is there, publishes a few on top, consumes all.
 */
const [dataDir = "", phase = "", count = ""] = process.argv.slice(2);
const messages = Number(count);
const QUEUES = ["one", "two", "three"] as const;
/** Messages of one flush, as a busy socket delivers them, and how many flushes are under way. */
const CHUNK = 256;
const FLIGHTS = 8;
const ROUNDS = 5;
const connection = {};
const properties = encodeProperties({ deliveryMode: 2 });
const body = Buffer.alloc(200, "x");

let mostBytes = 0;
const watch = setInterval(() => {
  mostBytes = Math.max(mostBytes, process.memoryUsage.rss());
}, 20);

function say(event: string, figures: Readonly<Record<string, number>>): void {
  console.log(JSON.stringify({ event, ...figures, mostBytes }));
}

function openSession(host: VirtualHost, deliver: (tag: number) => void = () => {}): Session {
  return host.openSession(connection, { deliver: ({ tag }) => deliver(tag), cancelled: () => {} });
}

/** Answers messages per second. */
async function publish(engine: QueueEngine, host: VirtualHost, total: number): Promise<number> {
  const session = openSession(host);
  const begun = performance.now();
  const flights: Promise<void>[] = [];
  for (let sent = 0; sent < total; sent += CHUNK) {
    for (let index = sent; index < Math.min(total, sent + CHUNK); index += 1) {
      const routingKey = QUEUES[index % QUEUES.length] ?? "";
      const verdict = session.publish({ exchange: "", routingKey, properties, body });
      if (verdict !== "routed") throw new Error(`message ${index} is ${verdict}`);
    }
    flights.push(engine.flush());
    if (flights.length >= FLIGHTS) await flights.shift();
  }
  await Promise.all(flights);
  session.close();
  return total / ((performance.now() - begun) / 1000);
}

async function consumeAll(host: VirtualHost, total: number): Promise<number> {
  const begun = performance.now();
  let delivered = 0;
  const { promise: all, resolve } = Promise.withResolvers<void>();
  const session = openSession(host, (tag) => {
    delivered += 1;
    if (delivered % CHUNK === 0 || delivered === total) session.ack(tag, true);
    if (delivered === total) resolve();
  });
  session.prefetch(2048, false);
  for (const queue of QUEUES) {
    await session.consume({ queue, consumerTag: queue, noAck: false, exclusive: false, arguments: {} });
  }
  await all;
  session.close();
  return total / ((performance.now() - begun) / 1000);
}

async function declared(engine: QueueEngine): Promise<VirtualHost> {
  const host = await engine.createVirtualHost("/");
  for (const name of QUEUES) {
    const spec = { name, durable: true, exclusive: false, autoDelete: false, arguments: {} };
    await host.declareQueue(spec, connection);
  }
  return host;
}

/** Publishes as much to empty queues next to the full ones, by turns, so that a machine that changes its speed does not count. */
async function compare(full: QueueEngine, host: VirtualHost, total: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "waybill-backlog-empty-"));
  const empty = await openQueueEngine({ dataDir: folder });
  const emptyHost = await declared(empty);
  for (let round = 0; round < ROUNDS; round += 1) {
    const emptyPerSecond = await publish(empty, emptyHost, total);
    for (const queue of QUEUES) await emptyHost.purgeQueue(queue, connection);
    say("round", { emptyPerSecond, fullPerSecond: await publish(full, host, total) });
  }
  await empty.close();
  await rm(folder, { recursive: true, force: true });
}

const opening = performance.now();
const engine = await openQueueEngine({ dataDir });
const openMs = performance.now() - opening;
const host = await declared(engine);
const piece = Math.ceil(messages / 50);
if (phase === "fill") {
  await publish(engine, host, messages - ROUNDS * piece);
  await compare(engine, host, piece);
  say("filled", {});
  process.kill(process.pid, "SIGKILL");
}
const waiting = QUEUES.reduce((sum, name) => sum + host.checkQueue(name, connection).messageCount, 0);
say("opened", { openMs, waiting });
await publish(engine, host, piece);
const perSecond = await consumeAll(host, waiting + piece);
say("drained", { perSecond });
clearInterval(watch);
await engine.close();

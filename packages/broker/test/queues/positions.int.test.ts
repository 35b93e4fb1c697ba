import { expect, test } from "vitest";
import { encodeProperties } from "@waybill/amqp";
import type { QueueEngineEvent, QueueEngineOptions } from "@waybill/broker/queues";
import { nodeFileSystem } from "@waybill/log";
import { FaultyFileSystem } from "@waybill/log/testing";
import { seededRandom } from "@waybill/services";
import { openClient, openMortal, temporaryDirectory } from "./engine-fixture.ts";
import { EXCHANGE, FencedClient } from "./fenced-client.ts";

/** Opened on what is there; the second time, exchange and queue are there already. */
async function openFenced(dataDir: string, options: Partial<QueueEngineOptions> = {}): Promise<FencedClient> {
  const { engine, host } = await openClient(dataDir, options);
  return new FencedClient(engine, host);
}

async function openFencedMortal(dataDir: string, options: Partial<QueueEngineOptions> = {}) {
  const { client, kill } = await openMortal(dataDir, options);
  return { client: new FencedClient(client.engine, client.host), kill };
}

test("a copy is confirmed and not stored, whichever session it comes from", async () => {
  const first = await openFenced(await temporaryDirectory());
  await first.prepare();
  first.fence(null);
  expect(first.positioned({ id: "a", sequence: 0 })).toBe("routed");
  // The first is on its way still.
  expect(first.positioned({ id: "a", sequence: 0 })).toBe("routed");
  await first.engine.flush();
  const second = new FencedClient(first.engine, first.host);
  second.fence(null);
  expect(second.positioned({ id: "a", sequence: 0 })).toBe("routed");
  expect(second.positioned({ id: "b", sequence: 1 })).toBe("routed");
  await first.engine.flush();
  expect(await first.drain("q")).toEqual(["a", "b"]);
});

test("who asked for nothing is stored twice, and makes nothing known", async () => {
  const client = await openFenced(await temporaryDirectory());
  await client.prepare();
  client.positioned({ id: "a", sequence: 0 });
  client.positioned({ id: "a", sequence: 0 });
  const fenced = new FencedClient(client.engine, client.host);
  fenced.fence(null);
  fenced.positioned({ id: "a", sequence: 0 });
  await client.engine.flush();
  expect(await client.drain("q")).toEqual(["a", "a", "a"]);
});

test("another message at a known position is stored and reported", async () => {
  const events: QueueEngineEvent[] = [];
  const client = await openFenced(await temporaryDirectory(), {
    onEvent: (event) => void events.push(event),
  });
  await client.prepare();
  client.fence(null);
  client.positioned({ id: "a", sequence: 7 });
  client.positioned({ id: "b", sequence: 7 });
  await client.engine.flush();
  expect(await client.drain("q")).toEqual(["a", "b"]);
  expect(events).toMatchObject([
    {
      type: "engine.position-reused",
      virtualHost: "/",
      exchange: EXCHANGE,
      message: { id: "b", source: "orders", topic: "thing", partition: 0, position: { sequence: 7 } },
      storedId: "a",
    },
  ]);
});

test.each([
  ["is a copy for one group", { headers: { "waybill-group": "billing" } }],
  ["would not survive a restart", { deliveryMode: 1 }],
])("a message that %s is stored again and makes nothing known", async (_, change) => {
  const client = await openFenced(await temporaryDirectory());
  await client.prepare();
  client.fence(null);
  client.positioned({ id: "a", sequence: 0, ...change });
  client.positioned({ id: "a", sequence: 0 });
  client.positioned({ id: "a", sequence: 0, ...change });
  await client.engine.flush();
  expect(await client.drain("q")).toEqual(["a", "a", "a"]);
});

test.each([
  ["waybill-sequence", "-1"],
  ["waybill-sequence", "9".repeat(16)],
  ["waybill-partition", "1.5"],
  ["waybill-partition", true],
  ["waybill-incarnation", 3],
  ["ce_id", "x".repeat(256)],
  ["ce_source", Buffer.from([0xff])],
])("the header %s with %s ends the channel, and nothing else", async (name, value) => {
  const client = await openFenced(await temporaryDirectory());
  await client.prepare();
  client.fence(null);
  const malformed = { id: "a", sequence: 0, headers: { [name]: value } };
  expect(() => client.positioned(malformed)).toThrow(`PRECONDITION_FAILED - the header ${name} is not`);
  client.session.close();
  const other = new FencedClient(client.engine, client.host);
  other.fence(null);
  other.positioned({ id: "a", sequence: 0 });
  await client.engine.flush();
  expect(await other.drain("q")).toEqual(["a"]);
});

test("messages without source or partition have no order and are stored as they come", async () => {
  const client = await openFenced(await temporaryDirectory());
  await client.prepare();
  client.fence(null);
  const properties = encodeProperties({ deliveryMode: 2, messageId: "a" });
  const bare = { exchange: EXCHANGE, routingKey: "thing", properties, body: Buffer.from("a") };
  expect([client.session.publish(bare), client.session.publish(bare)]).toEqual(["routed", "routed"]);
  await client.engine.flush();
  expect(await client.drain("q")).toEqual(["a", "a"]);
});

test.each(["clean", "kill -9"])(
  "positions and fences are known after a %s end, also of old messages",
  async (end) => {
    const dataDir = await temporaryDirectory();
    // Every checkpoint frees what was consumed, so the log alone would not know any more.
    const sizes = {
      segmentBytes: 16_384,
      fillAheadBytes: 8_192,
      messageBytesMax: 4_096,
      checkpointBytes: 16_384,
    };
    const { client, kill } = await openFencedMortal(dataDir, sizes);
    await client.prepare();
    client.fence(5);
    for (let sequence = 0; sequence < 600; sequence += 1) {
      client.positioned({ id: `m${sequence}`, sequence, partition: sequence % 3 });
      if (sequence % 20 === 0) await client.drain("q");
    }
    await client.engine.flush();
    await client.drain("q");
    if (end === "clean") await client.engine.close();
    await kill();
    const later = await openFenced(dataDir, sizes);
    expect(later.fence(4)).toBe("fenced");
    expect(later.positioned({ id: "stale", sequence: 1_000 })).toBe("fenced");
    expect(later.fence(5)).toBe("routed");
    const recent = { id: "m599", sequence: 599, partition: 2 };
    expect(later.positioned(recent)).toBe("routed");
    expect(later.positioned({ id: "m600", sequence: 600, partition: 0 })).toBe("routed");
    await later.engine.flush();
    // What was consumed may come again after a kill, but nothing is there twice.
    const ids = await later.drain("q");
    expect(ids.filter((id) => id === "m599").length).toBeLessThanOrEqual(end === "clean" ? 0 : 1);
    expect(ids.at(-1)).toBe("m600");
    expect(new Set(ids).size).toBe(ids.length);
  },
);

test("an epoch that was raised and not flushed yet is over at once for lower ones", async () => {
  const old = await openFenced(await temporaryDirectory());
  await old.prepare();
  expect(old.fence(1)).toBe("routed");
  expect(old.positioned({ id: "a", sequence: 0 })).toBe("routed");
  const successor = new FencedClient(old.engine, old.host);
  expect(successor.fence(2)).toBe("routed");
  expect(old.positioned({ id: "b", sequence: 1 })).toBe("fenced");
  // Wherever it publishes on this channel.
  expect(old.publish("q", "straight")).toBe("fenced");
  expect(successor.positioned({ id: "b", sequence: 1 })).toBe("routed");
  expect(old.fence(3)).toBe("routed");
  expect(successor.positioned({ id: "c", sequence: 2 })).toBe("fenced");
  await old.engine.flush();
  expect(await old.drain("q")).toEqual(["a", "b"]);
});

test("behind a refused message its order is held until the client has seen that", async () => {
  const client = await openFenced(await temporaryDirectory());
  await client.prepare({ "x-max-length": 1, "x-overflow": "reject-publish" });
  client.fence(null);
  expect(client.positioned({ id: "a", sequence: 0 })).toBe("routed");
  expect(client.positioned({ id: "b", sequence: 1 })).toBe("refused");
  const refusedAt = client.published;
  await client.engine.flush();
  await client.drain("q");
  // There is room now, and still nothing passes the refused one.
  expect(client.positioned({ id: "c", sequence: 2 })).toBe("held");
  expect(client.positioned({ id: "other", sequence: 0, partition: 1 })).toBe("routed");
  await client.engine.flush();
  await client.drain("q");
  client.fence(null, { answered: refusedAt });
  // That one was held behind it is not known to the client yet.
  expect(client.positioned({ id: "d", sequence: 3 })).toBe("held");
  client.fence(null, { answered: client.published });
  expect(client.positioned({ id: "b", sequence: 1 })).toBe("routed");
  await client.engine.flush();
  expect(await client.drain("q")).toEqual(["b"]);
});

test("behind an unroutable message its order is held, too", async () => {
  const client = await openFenced(await temporaryDirectory());
  await client.prepare();
  client.fence(null);
  expect(client.positioned({ id: "a", sequence: 0, topic: "nobody" })).toBe("unroutable");
  expect(client.positioned({ id: "b", sequence: 1, topic: "nobody" })).toBe("held");
  expect(client.positioned({ id: "c", sequence: 0 })).toBe("routed");
});

test("a message that one of its queues refused comes again for that one", async () => {
  const client = await openFenced(await temporaryDirectory());
  await client.prepare({ "x-max-length": 1, "x-overflow": "reject-publish" });
  await client.declare("wide");
  await client.bind("wide", EXCHANGE, "thing");
  client.fence(null);
  client.positioned({ id: "a", sequence: 0 });
  expect(client.positioned({ id: "b", sequence: 1 })).toBe("refused");
  await client.engine.flush();
  await client.drain("q");
  client.fence(null, { answered: client.published });
  expect(client.positioned({ id: "b", sequence: 1 })).toBe("routed");
  await client.engine.flush();
  expect(await client.drain("q")).toEqual(["b"]);
});

test("an exchange takes its positions and fences along, and none come back to one of its name", async () => {
  const dataDir = await temporaryDirectory();
  const { client, kill } = await openFencedMortal(dataDir);
  await client.prepare();
  client.fence(9);
  client.positioned({ id: "a", sequence: 0 });
  await client.engine.flush();
  await client.host.deleteExchange(EXCHANGE, { ifUnused: false });
  await client.prepare();
  expect(() => client.positioned({ id: "a", sequence: 0 })).toThrow(
    `exchange '${EXCHANGE}' in vhost '/' was deleted`,
  );
  expect(client.fence(1)).toBe("routed");
  expect(client.positioned({ id: "a", sequence: 0 })).toBe("routed");
  await client.engine.flush();
  await kill();
  const later = await openFenced(dataDir);
  expect(later.fence(1)).toBe("routed");
  later.positioned({ id: "a", sequence: 0 });
  await later.engine.flush();
  expect(await later.drain("q")).toEqual(["a", "a"]);
});

test("messages of an exchange that is gone make nothing known to its successor, also over restarts", async () => {
  const dataDir = await temporaryDirectory();
  const first = await openFencedMortal(dataDir);
  await first.client.prepare();
  first.client.fence(9);
  first.client.positioned({ id: "a", sequence: 0 });
  await first.client.engine.flush();
  await first.client.host.deleteExchange(EXCHANGE, { ifUnused: false });
  await first.kill();
  const second = await openFencedMortal(dataDir);
  await second.client.prepare();
  second.client.fence(1);
  await second.client.engine.flush();
  await second.kill();
  const third = await openFenced(dataDir);
  expect(third.fence(1)).toBe("routed");
  third.positioned({ id: "a", sequence: 0 });
  await third.engine.flush();
  expect(await third.drain("q")).toEqual(["a", "a"]);
});

test("fences are of durable exchanges that exist, and not of the default one", async () => {
  const client = await openFenced(await temporaryDirectory());
  await client.exchange("passing", "topic", {}, { durable: false });
  expect(() => client.fence(1, { exchange: "nowhere" })).toThrow("NOT_FOUND");
  expect(() => client.fence(1, { exchange: "passing" })).toThrow("PRECONDITION_FAILED");
  expect(() => client.fence(1, { exchange: "" })).toThrow("ACCESS_REFUSED");
});

test("a checkpoint knows no position of a message that is not on disk", async () => {
  const dataDir = await temporaryDirectory();
  const client = await openFenced(dataDir);
  await client.prepare();
  client.fence(1);
  client.positioned({ id: "a", sequence: 0 });
  await client.engine.flush();
  // Never flushed, and the last checkpoint is written without it.
  client.positioned({ id: "b", sequence: 1 });
  await client.engine.close();
  const later = await openFenced(dataDir);
  later.fence(1);
  for (const [sequence, id] of ["a", "b"].entries()) later.positioned({ id, sequence });
  await later.engine.flush();
  expect(await later.drain("q")).toEqual(["a", "b"]);
});

test("a position whose message could not be written is not known", async () => {
  const fileSystem = new FaultyFileSystem(nodeFileSystem);
  const dataDir = await temporaryDirectory();
  const client = await openFenced(dataDir, { fileSystem });
  await client.prepare();
  client.fence(3);
  client.positioned({ id: "a", sequence: 0 });
  await client.engine.flush();
  fileSystem.arm({ operation: "dataSync", nth: 1, error: new Error("EIO: i/o error"), tornBytes: 0 });
  client.fence(4);
  client.positioned({ id: "b", sequence: 1 });
  await expect(client.engine.flush()).rejects.toThrow("EIO");
  await client.engine.close();
  const later = await openFenced(dataDir);
  later.fence(4);
  for (const [sequence, id] of ["a", "b"].entries())
    expect(later.positioned({ id, sequence })).toBe("routed");
  await later.engine.flush();
  expect(await later.drain("q")).toEqual(["a", "b"]);
});

test.each([1, 2, 3, 4, 5, 6])(
  "whenever it is killed, every message is stored once (seed %i)",
  async (seed) => {
    const chance = seededRandom(seed);
    const dataDir = await temporaryDirectory();
    const sizes = {
      segmentBytes: 32_768,
      fillAheadBytes: 8_192,
      messageBytesMax: 4_096,
      checkpointBytes: 16_384,
    };
    const confirmed = new Set<string>();
    let next = 0;
    for (let life = 0; life < 12; life += 1) {
      const { client, kill } = await openFencedMortal(dataDir, sizes);
      if (life === 0) await client.prepare();
      client.fence(life);
      for (let step = 0; step < 60; step += 1) {
        // Some are new, and others come again, whatever became of them.
        const isCopy = next > 0 && chance() < 0.5;
        const sequence = isCopy ? Math.max(0, next - 1 - Math.floor(chance() * 40)) : next;
        if (!isCopy) next += 1;
        client.positioned({ id: `m${sequence}`, sequence, partition: sequence % 2 });
        if (chance() < 0.3) {
          await client.engine.flush();
          confirmed.add(`m${sequence}`);
        }
      }
      if (chance() < 0.7) void client.engine.flush().catch(() => {});
      await kill();
    }
    const last = await openFenced(dataDir, sizes);
    last.fence(12);
    for (let sequence = 0; sequence < next; sequence += 1)
      last.positioned({ id: `m${sequence}`, sequence, partition: sequence % 2 });
    await last.engine.flush();
    const all = Array.from({ length: next }, (_, sequence) => `m${sequence}`);
    const stored = await last.drain("q");
    expect(stored.toSorted()).toEqual(all.toSorted());
    expect(confirmed.size).toBeGreaterThan(100);
  },
);

import { expect, test, vi } from "vitest";
import { decodeProperties, Timestamp } from "@waybill/amqp";
import type { Client } from "./engine-fixture.ts";
import { numbered, openClient, openMortal, temporaryDirectory, textOf, WAIT } from "./engine-fixture.ts";

const DLX = { "x-dead-letter-exchange": "dead" } as const;

async function withDeadLetters(dataDir: string, args: object): Promise<Client> {
  const client = await openClient(dataDir);
  await declareDeadLetters(client, args);
  return client;
}

async function declareDeadLetters(client: Client, args: object): Promise<void> {
  await client.exchange("dead", "fanout");
  await client.declare("graves");
  await client.bind("graves", "dead");
  await client.declare("q", { ...DLX, ...args });
}

test("a rejected message goes to the dead-letter exchange, with what became of it", async () => {
  const dataDir = await temporaryDirectory();
  const client = await withDeadLetters(dataDir, {});
  client.publish("q", "1", { expiration: "60000", headers: { mine: 1 } });
  await client.engine.flush();
  const got = await client.session.get("q", false);
  client.session.reject(got?.tag ?? 0, false, false);
  await vi.waitFor(() => expect(client.count("graves")).toBe(1), WAIT);
  const dead = await client.session.get("graves", true);
  expect(dead && textOf(dead)).toBe("1");
  const { headers, expiration, deliveryMode } = decodeProperties(dead?.properties ?? Buffer.alloc(2));
  expect(expiration).toBeUndefined();
  expect(deliveryMode).toBe(2);
  expect(headers).toMatchObject({
    mine: 1,
    "x-first-death-reason": "rejected",
    "x-first-death-queue": "q",
    "x-first-death-exchange": "",
    "x-death": [
      {
        count: 1,
        reason: "rejected",
        queue: "q",
        exchange: "",
        "routing-keys": ["q"],
        "original-expiration": "60000",
        time: expect.any(Timestamp),
      },
    ],
  });
  await client.engine.close();
  const later = await openClient(dataDir);
  expect([later.count("q"), later.count("graves")]).toEqual([0, 0]);
});

test("without a dead-letter exchange, or where it leads nowhere, a rejected message is gone", async () => {
  const dataDir = await temporaryDirectory();
  const client = await openClient(dataDir);
  await client.declare("q");
  await client.declare("nowhere", DLX);
  for (const queue of ["q", "nowhere"]) {
    await client.send(queue, "1", "2");
    await client.session.get(queue, false);
  }
  client.session.reject(0, true, false);
  await client.engine.close();
  const later = await openClient(dataDir);
  expect(await later.drain("q")).toEqual(["2"]);
  expect(await later.drain("nowhere")).toEqual(["2"]);
});

test("messages expire in order by x-message-ttl or by their own expiration, whichever is shorter", async () => {
  const client = await withDeadLetters(await temporaryDirectory(), { "x-message-ttl": 200 });
  client.publish("q", "short", { expiration: "10" });
  client.publish("q", "long", { expiration: "60000" });
  client.publish("q", "unlimited");
  await client.engine.flush();
  await vi.waitFor(() => expect(client.count("graves")).toBe(1), WAIT);
  expect(client.count("q")).toBe(2);
  await vi.waitFor(() => expect(client.count("graves")).toBe(3), WAIT);
  expect(await client.drain("graves")).toEqual(["short", "long", "unlimited"]);
});

test("what expired while nothing ran expires at the next start, and is never delivered", async () => {
  const dataDir = await temporaryDirectory();
  const before = await withDeadLetters(dataDir, {});
  for (const text of numbered(0, 500)) before.publish("q", text, { expiration: "50" });
  before.publish("q", "stays");
  await before.engine.flush();
  await before.engine.close();
  const due = Date.now() + 60;
  await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(due), WAIT);
  const client = await openClient(dataDir);
  await client.consume("q");
  await vi.waitFor(() => expect(client.texts).toEqual(["stays"]), WAIT);
  await vi.waitFor(() => expect(client.count("graves")).toBe(500), WAIT);
  expect(await client.drain("graves")).toEqual(numbered(0, 500));
});

test("a TTL of 0 delivers to who waits and drops the rest", async () => {
  const client = await withDeadLetters(await temporaryDirectory(), { "x-message-ttl": 0 });
  await client.send("q", "nobody");
  await vi.waitFor(() => expect(client.count("graves")).toBe(1), WAIT);
  await client.consume("q");
  await client.send("q", "somebody");
  await vi.waitFor(() => expect(client.texts).toEqual(["somebody"]), WAIT);
});

test("beyond x-max-length the oldest go", async () => {
  const dataDir = await temporaryDirectory();
  const client = await withDeadLetters(dataDir, { "x-max-length": 3 });
  await client.send("q", ...numbered(0, 10));
  await vi.waitFor(() => expect(client.count("graves")).toBe(7), WAIT);
  expect(await client.drain("graves")).toEqual(numbered(0, 7));
  await client.engine.close();
  const later = await openClient(dataDir);
  expect(await later.drain("q")).toEqual(["7", "8", "9"]);
});

test("x-max-length-bytes counts bodies, over restarts too", async () => {
  const dataDir = await temporaryDirectory();
  const before = await openClient(dataDir);
  await before.declare("q", { "x-max-length-bytes": 10 });
  await before.send("q", "aaaa", "bbbb", "cc", "", "d");
  await vi.waitFor(() => expect(before.count("q")).toBe(4), WAIT);
  await before.engine.close();
  const client = await openClient(dataDir);
  await client.send("q", "eeee");
  await vi.waitFor(() => expect(client.count("q")).toBe(4), WAIT);
  await client.send("q", "ffff");
  expect(await client.drain("q")).toEqual(["", "d", "eeee", "ffff"].slice(-3 - 1));
});

test("a full queue with reject-publish refuses, with reject-publish-dlx it also dead-letters", async () => {
  const client = await withDeadLetters(await temporaryDirectory(), {
    "x-max-length": 2,
    "x-overflow": "reject-publish-dlx",
  });
  await client.declare("plain", { "x-max-length": 2, "x-overflow": "reject-publish" });
  expect(numbered(0, 4).map((text) => client.publish("q", text))).toEqual([
    "routed",
    "routed",
    "refused",
    "refused",
  ]);
  expect(numbered(0, 3).map((text) => client.publish("plain", text))).toEqual([
    "routed",
    "routed",
    "refused",
  ]);
  await client.engine.flush();
  await vi.waitFor(() => expect(client.count("graves")).toBe(2), WAIT);
  expect(await client.drain("q")).toEqual(["0", "1"]);
  expect(await client.drain("graves")).toEqual(["2", "3"]);
  expect(client.publish("q", "4")).toBe("routed");
});

test("a message that only expires round and round is dropped, one that a client rejected goes on", async () => {
  const client = await openClient(await temporaryDirectory());
  await client.declare("a", {
    "x-dead-letter-exchange": "",
    "x-dead-letter-routing-key": "b",
    "x-message-ttl": 20,
  });
  await client.declare("b", {
    "x-dead-letter-exchange": "",
    "x-dead-letter-routing-key": "a",
    "x-message-ttl": 600,
  });
  await client.send("a", "1");
  await vi.waitFor(() => expect(client.count("b")).toBe(1), WAIT);
  await vi.waitFor(() => expect([client.count("a"), client.count("b")]).toEqual([0, 0]), WAIT);
  await client.declare("self", { "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "self" });
  await client.send("self", "again");
  for (let round = 1; round <= 3; round += 1) {
    await vi.waitFor(() => expect(client.count("self")).toBe(1), WAIT);
    const got = await client.session.get("self", false);
    client.session.reject(got?.tag ?? 0, false, false);
  }
  await vi.waitFor(() => expect(client.count("self")).toBe(1), WAIT);
  const got = await client.session.get("self", true);
  expect(decodeProperties(got?.properties ?? Buffer.alloc(2)).headers?.["x-death"]).toMatchObject([
    { count: 3 },
  ]);
});

test("deliveries are counted over restarts, and beyond x-delivery-limit a message dies", async () => {
  const dataDir = await temporaryDirectory();
  const args = { "x-queue-type": "quorum", "x-delivery-limit": 2 };
  const { client: first, kill } = await openMortal(dataDir);
  await declareDeadLetters(first, args);
  await first.send("q", "1");
  const countIn = (properties: Buffer | undefined): unknown =>
    decodeProperties(properties ?? Buffer.alloc(2)).headers?.["x-delivery-count"];
  const got = await first.session.get("q", false);
  expect(countIn(got?.properties)).toBeUndefined();
  first.session.reject(1, false, true);
  expect(countIn((await first.session.get("q", false))?.properties)).toBe(1);
  first.session.reject(2, false, true);
  await first.declare("fence");
  await kill();
  const second = await openClient(dataDir);
  const again = await second.session.get("q", false);
  expect(again?.redelivered).toBe(true);
  expect(countIn(again?.properties)).toBe(2);
  second.session.reject(1, false, true);
  await vi.waitFor(() => expect(second.count("graves")).toBe(1), WAIT);
  expect(second.count("q")).toBe(0);
});

test("after a crash a dead letter is in one of the two queues, never in both and never in none", async () => {
  const dataDir = await temporaryDirectory();
  const args = { segmentBytes: 16_384, fillAheadBytes: 4096, messageBytesMax: 4096, checkpointBytes: 8192 };
  const setup = await openClient(dataDir, args);
  await declareDeadLetters(setup, {});
  await setup.send("q", ...numbered(0, 400));
  await setup.engine.close();
  for (let crash = 1; crash <= 5; crash += 1) {
    const { client, kill } = await openMortal(dataDir, args);
    const ready = client.count("q");
    await client.consume("q");
    await vi.waitFor(() => expect(client.texts).toHaveLength(ready), WAIT);
    client.session.reject(Math.min(ready, 80), true, false);
    await vi.waitFor(() => expect(client.count("graves")).toBeGreaterThan(60 * crash - 60), WAIT);
    await kill();
  }
  const client = await openClient(dataDir, args);
  const all = [...(await client.drain("graves")), ...(await client.drain("q"))];
  expect(all.sort((one, other) => Number(one) - Number(other))).toEqual(numbered(0, 400));
});

import { expect, test, vi } from "vitest";
import type { Client } from "./engine-fixture.ts";
import { openClient, openMortal, temporaryDirectory, WAIT } from "./engine-fixture.ts";

async function withDelays(dataDir: string): Promise<Client> {
  const client = await openClient(dataDir);
  await declareDelays(client);
  return client;
}

async function declareDelays(client: Client): Promise<void> {
  await client.exchange("x", "x-delayed-message", { "x-delayed-type": "topic" });
  await client.declare("q");
  await client.bind("q", "x", "a.#");
}

test("a delayed message comes when it is due, each in its own time", async () => {
  const client = await withDelays(await temporaryDirectory());
  const begin = Date.now();
  client.publish("a.1", "later", { headers: { "x-delay": 120 } }, "x");
  client.publish("a.1", "sooner", { headers: { "x-delay": 40 } }, "x");
  client.publish("a.1", "now", {}, "x");
  await client.engine.flush();
  await client.consume("q");
  await vi.waitFor(() => expect(client.texts).toEqual(["now", "sooner", "later"]), WAIT);
  expect(Date.now() - begin).toBeGreaterThanOrEqual(120);
});

test("messages with the same delay keep their order", async () => {
  const client = await withDelays(await temporaryDirectory());
  const expected = Array.from({ length: 300 }, (_, index) => String(index));
  for (const text of expected) client.publish("a", text, { headers: { "x-delay": 30 } }, "x");
  await client.engine.flush();
  await client.consume("q");
  await vi.waitFor(() => expect(client.texts).toEqual(expected), WAIT);
});

test("delayed messages survive a crash and a restart, and are delivered once", async () => {
  const dataDir = await temporaryDirectory();
  const { client: first, kill } = await openMortal(dataDir);
  await declareDelays(first);
  first.publish("a", "1", { headers: { "x-delay": 300 } }, "x");
  first.publish("a", "transient", { headers: { "x-delay": 300 }, deliveryMode: 1 }, "x");
  await first.engine.flush();
  expect(first.count("q")).toBe(0);
  await kill();
  const afterCrash = await openClient(dataDir);
  expect(afterCrash.count("q")).toBe(0);
  await afterCrash.engine.close();
  const second = await openClient(dataDir);
  await vi.waitFor(() => expect(second.count("q")).toBe(1), WAIT);
  await second.engine.close();
  const third = await openClient(dataDir);
  expect(await third.drain("q")).toEqual(["1"]);
});

test("a delayed message that no queue takes when it is due is gone", async () => {
  const dataDir = await temporaryDirectory();
  const client = await withDelays(dataDir);
  client.publish("a", "1", { headers: { "x-delay": 30 } }, "x");
  await client.engine.flush();
  await client.host.unbindQueue("q", "x", "a.#", {}, client.connection);
  const due = Date.now() + 40;
  await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(due), WAIT);
  await client.engine.close();
  const later = await openClient(dataDir);
  await later.bind("q", "x", "a.#");
  later.publish("a", "2", { headers: { "x-delay": 10 } }, "x");
  await later.engine.flush();
  await vi.waitFor(() => expect(later.count("q")).toBe(1), WAIT);
  expect(await later.drain("q")).toEqual(["2"]);
});

import { expect, test, vi } from "vitest";
import { Client, numbered, openClient, temporaryDirectory, WAIT } from "./engine-fixture.ts";

test("messages are delivered in the order in which they were published", async () => {
  const client = await openClient(await temporaryDirectory());
  await client.declare("q");
  await client.consume("q");
  expect(client.publish("q", "0")).toBe("routed");
  await client.send("q", ...numbered(1, 100));
  await vi.waitFor(() => expect(client.texts).toEqual(numbered(0, 100)), WAIT);
  expect(client.deliveries[0]).toMatchObject({
    tag: 1,
    consumerTag: "c",
    redelivered: false,
    routingKey: "q",
  });
});

test("what waited before anybody consumed is delivered too", async () => {
  const client = await openClient(await temporaryDirectory());
  await client.declare("q");
  await client.send("q", ...numbered(0, 3000));
  expect(client.count("q")).toBe(3000);
  await client.consume("q");
  await vi.waitFor(() => expect(client.texts).toEqual(numbered(0, 3000)), WAIT);
});

test("no more than the prefetch is unsettled, and each ack makes room", async () => {
  const client = await openClient(await temporaryDirectory());
  await client.declare("q");
  client.session.prefetch(2, false);
  await client.consume("q");
  await client.send("q", "1", "2", "3", "4");
  await vi.waitFor(() => expect(client.texts).toEqual(["1", "2"]), WAIT);
  client.session.ack(1, false);
  await vi.waitFor(() => expect(client.texts).toEqual(["1", "2", "3"]), WAIT);
  client.session.ack(3, true);
  await vi.waitFor(() => expect(client.texts).toEqual(["1", "2", "3", "4"]), WAIT);
});

test("a requeued message goes back to its old place, marked as redelivered", async () => {
  const client = await openClient(await temporaryDirectory());
  await client.declare("q");
  await client.send("q", "1", "2", "3");
  client.session.prefetch(2, false);
  await client.consume("q");
  await vi.waitFor(() => expect(client.texts).toEqual(["1", "2"]), WAIT);
  client.session.reject(1, false, true);
  await vi.waitFor(() => expect(client.texts).toEqual(["1", "2", "1"]), WAIT);
  expect(client.deliveries[2]).toMatchObject({ tag: 3, redelivered: true });
});

test("what a closed session held goes to others in the old order", async () => {
  const first = await openClient(await temporaryDirectory());
  await first.declare("q");
  await first.send("q", "1", "2", "3");
  await first.consume("q");
  await vi.waitFor(() => expect(first.texts).toHaveLength(3), WAIT);
  first.session.ack(2, false);
  first.session.close();
  const second = new Client(first.engine, first.host);
  await second.consume("q");
  await vi.waitFor(() => expect(second.texts).toEqual(["1", "3"]), WAIT);
});

test("after opening again there is what was not settled, in order, and what was delivered is marked", async () => {
  const dataDir = await temporaryDirectory();
  const before = await openClient(dataDir);
  await before.declare("q");
  await before.exchange("x", "topic");
  await before.bind("q", "x", "a.#");
  await before.send("q", ...numbered(0, 5000));
  before.session.prefetch(10, false);
  await before.consume("q");
  await vi.waitFor(() => expect(before.texts).toHaveLength(10), WAIT);
  before.session.ack(3, true);
  before.session.ack(5, false);
  before.session.close();
  await before.engine.close();
  const client = await openClient(dataDir);
  expect(client.count("q")).toBe(4996);
  const got = await client.session.get("q", false);
  expect(got).toMatchObject({ redelivered: true, messageCount: 4995 });
  client.publish("a.b.c", "last", {}, "x");
  await client.engine.flush();
  expect(await client.drain("q")).toEqual(["5", ...numbered(6, 5000), "last"]);
});

test("an unsettled message comes to nobody else", async () => {
  const client = await openClient(await temporaryDirectory());
  await client.declare("q");
  await client.send("q", "1");
  expect(await client.session.get("q", false)).toMatchObject({ messageCount: 0, redelivered: false });
  expect(await client.session.get("q", false)).toBeNull();
});

test("a message for no queue is unroutable", async () => {
  const client = await openClient(await temporaryDirectory());
  expect(client.publish("nowhere", "1")).toBe("unroutable");
  expect(() => client.publish("q", "1", {}, "missing")).toThrow(
    "NOT_FOUND - no exchange 'missing' in vhost '/'",
  );
});

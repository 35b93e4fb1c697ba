import { expect, test, vi } from "vitest";
import { Client, numbered, openClient, temporaryDirectory, WAIT } from "./engine-fixture.ts";

test("a declaration that differs from what is there is refused, and says in what", async () => {
  const client = await openClient(await temporaryDirectory());
  await client.declare("q", { "x-max-length": 5 });
  await expect(client.declare("q", { "x-max-length": 5n })).resolves.toMatchObject({ name: "q" });
  await expect(client.declare("q", {}, { durable: false })).rejects.toMatchObject({
    reply: 406,
    scope: "channel",
    message:
      "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'q' in vhost '/': received 'false' but current is 'true'",
  });
  await expect(client.declare("q", {})).rejects.toThrow("inequivalent arg 'x-max-length' for queue 'q'");
  await client.exchange("x", "direct");
  await expect(client.exchange("x", "fanout")).rejects.toThrow(
    "inequivalent arg 'type' for exchange 'x' in vhost '/': received 'fanout' but current is 'direct'",
  );
});

test.each([
  [{ "x-max-priority": 5 }, 406, "message priorities are not supported"],
  [{ "x-queue-type": "stream" }, 406, "type 'stream' is not supported"],
  [{ "x-message-ttl": -1 }, 406, "-1 is not from 0"],
  [{ "x-expires": 0 }, 406, "0 is not from 1"],
  [{ "x-max-length": "5" }, 406, "give a whole number"],
  [{ "x-overflow": "sometimes" }, 406, "'sometimes' is not known"],
  [{ "x-dead-letter-routing-key": "k" }, 406, "it needs x-dead-letter-exchange"],
])("a queue with %o is refused", async (args, reply, text) => {
  const client = await openClient(await temporaryDirectory());
  await expect(client.declare("q", args)).rejects.toMatchObject({
    reply,
    message: expect.stringContaining(text),
  });
  expect(() => client.count("q")).toThrow("NOT_FOUND - no queue 'q' in vhost '/'");
});

test("reserved names and the default exchange are refused", async () => {
  const client = await openClient(await temporaryDirectory());
  await client.declare("q");
  await expect(client.declare("amq.mine")).rejects.toMatchObject({ reply: 403 });
  await expect(client.exchange("amq.mine", "direct")).rejects.toMatchObject({ reply: 403 });
  await expect(client.bind("q", "")).rejects.toMatchObject({ reply: 403 });
  await expect(client.host.deleteExchange("", { ifUnused: false })).rejects.toMatchObject({ reply: 403 });
  await expect(client.host.deleteExchange("amq.direct", { ifUnused: false })).rejects.toMatchObject({
    reply: 403,
  });
  await expect(client.exchange("x", "nonsense")).rejects.toMatchObject({ reply: 503, scope: "connection" });
});

test("a queue without a name gets one", async () => {
  const client = await openClient(await temporaryDirectory());
  const { name } = await client.declare("");
  expect(name).toMatch(/^amq\.gen-.{20,}$/);
  await client.send(name, "1");
  expect(await client.drain(name)).toEqual(["1"]);
});

test("an exclusive queue is for its connection only, and goes with it", async () => {
  const dataDir = await temporaryDirectory();
  const owner = await openClient(dataDir);
  await owner.declare("q", {}, { exclusive: true });
  const other = new Client(owner.engine, owner.host);
  expect(() => other.count("q")).toThrow("RESOURCE_LOCKED");
  await expect(other.declare("q", {}, { exclusive: true })).rejects.toMatchObject({ reply: 405 });
  await expect(other.consume("q")).rejects.toMatchObject({ reply: 405 });
  await owner.send("q", "1");
  owner.session.close();
  owner.engine.connectionClosed(owner.connection);
  expect(() => other.count("q")).toThrow("NOT_FOUND");
  await owner.engine.close();
  const later = await openClient(dataDir);
  expect(() => later.count("q")).toThrow("NOT_FOUND");
});

test("an auto-delete queue goes with its last consumer, and its auto-delete exchange with it", async () => {
  const client = await openClient(await temporaryDirectory());
  await client.exchange("x", "fanout", {}, { autoDelete: true });
  await client.declare("q", {}, { autoDelete: true });
  await client.bind("q", "x");
  await client.consume("q", { tag: "1" });
  await client.consume("q", { tag: "2" });
  expect(client.session.cancel("1")).toBe(true);
  expect(client.session.cancel("1")).toBe(false);
  expect(client.count("q")).toBe(0);
  client.session.close();
  expect(() => client.count("q")).toThrow("NOT_FOUND");
  await vi.waitFor(() => expect(() => client.host.checkExchange("x")).toThrow("NOT_FOUND"), WAIT);
});

test("transient messages and transient queues end with the engine, and no later queue gets what was theirs", async () => {
  const dataDir = await temporaryDirectory();
  const before = await openClient(dataDir);
  await before.declare("durable");
  await before.declare("transient", {}, { durable: false });
  await before.send("transient", ...numbered(0, 10));
  before.publish("durable", "lost", { deliveryMode: 1 });
  before.publish("durable", "kept");
  before.publish("durable", "lost too", { deliveryMode: 1 });
  await before.engine.flush();
  expect(before.count("durable")).toBe(3);
  await before.engine.close();
  const client = await openClient(dataDir);
  expect(client.count("durable")).toBe(1);
  await client.declare("transient");
  expect(client.count("transient")).toBe(0);
  expect(await client.drain("durable")).toEqual(["kept"]);
});

test("deleting a queue tells its consumers, answers what went with it, and is durable", async () => {
  const dataDir = await temporaryDirectory();
  const before = await openClient(dataDir);
  await before.declare("q");
  await before.send("q", "1", "2", "3");
  before.session.prefetch(1, false);
  await before.consume("q");
  await vi.waitFor(() => expect(before.texts).toEqual(["1"]), WAIT);
  const options = { ifUnused: false, ifEmpty: false };
  await expect(
    before.host.deleteQueue("q", { ...options, ifUnused: true }, before.connection),
  ).rejects.toMatchObject({ reply: 406 });
  await expect(
    before.host.deleteQueue("q", { ...options, ifEmpty: true }, before.connection),
  ).rejects.toMatchObject({ reply: 406 });
  expect(await before.host.deleteQueue("q", options, before.connection)).toBe(2);
  expect(before.cancelled).toEqual(["c"]);
  before.session.ack(1, false);
  expect(await before.host.deleteQueue("q", options, before.connection)).toBe(0);
  await before.declare("q");
  await before.engine.close();
  const client = await openClient(dataDir);
  expect(client.count("q")).toBe(0);
});

test("purging drops what is ready, keeps what is unsettled, and is durable", async () => {
  const dataDir = await temporaryDirectory();
  const before = await openClient(dataDir);
  await before.declare("q");
  await before.send("q", ...numbered(0, 2000));
  await before.session.get("q", false);
  expect(await before.host.purgeQueue("q", before.connection)).toBe(1999);
  await before.send("q", "later");
  await before.engine.close();
  const client = await openClient(dataDir);
  expect(await client.drain("q")).toEqual(["0", "later"]);
});

test("an exclusive consumer is alone", async () => {
  const client = await openClient(await temporaryDirectory());
  await client.declare("q");
  await client.consume("q", { tag: "1", exclusive: true });
  await expect(client.consume("q", { tag: "2" })).rejects.toMatchObject({ reply: 403 });
  await expect(client.consume("q", { tag: "1" })).rejects.toMatchObject({ reply: 530, scope: "connection" });
  client.session.cancel("1");
  await client.consume("q", { tag: "2" });
  await expect(client.consume("q", { tag: "3", exclusive: true })).rejects.toMatchObject({ reply: 403 });
});

test("with a single active consumer the others wait until it leaves", async () => {
  const first = await openClient(await temporaryDirectory());
  await first.declare("q", { "x-single-active-consumer": true });
  const second = new Client(first.engine, first.host);
  await first.consume("q");
  await second.consume("q");
  await first.send("q", ...numbered(0, 10));
  await vi.waitFor(() => expect(first.texts).toEqual(numbered(0, 10)), WAIT);
  first.session.ack(4, true);
  first.session.close();
  await vi.waitFor(() => expect(second.texts).toEqual(numbered(4, 10)), WAIT);
});

test("consumers take turns, a higher priority comes first, and one without room holds up nobody", async () => {
  const one = await openClient(await temporaryDirectory());
  await one.declare("q");
  const two = new Client(one.engine, one.host);
  const preferred = new Client(one.engine, one.host);
  preferred.session.prefetch(2, false);
  await one.consume("q");
  await two.consume("q");
  await preferred.consume("q", { arguments: { "x-priority": 5 } });
  await one.send("q", ...numbered(0, 8));
  await vi.waitFor(() => expect(one.texts.length + two.texts.length + preferred.texts.length).toBe(8), WAIT);
  expect(preferred.texts).toEqual(["0", "1"]);
  expect(one.texts).toHaveLength(3);
  expect(two.texts).toHaveLength(3);
});

test("the prefetch of a session counts for all its consumers together, and a pause stops them", async () => {
  const client = await openClient(await temporaryDirectory());
  for (const queue of ["a", "b"]) {
    await client.declare(queue);
    await client.send(queue, ...numbered(0, 5));
  }
  client.session.prefetch(3, true);
  await client.consume("a", { tag: "a" });
  await client.consume("b", { tag: "b" });
  await vi.waitFor(() => expect(client.deliveries).toHaveLength(3), WAIT);
  client.session.pause();
  client.session.ack(0, true);
  await client.send("a", "5");
  expect(client.deliveries).toHaveLength(3);
  client.session.resume();
  await vi.waitFor(() => expect(client.deliveries).toHaveLength(6), WAIT);
});

test("recover brings everything unsettled again", async () => {
  const client = await openClient(await temporaryDirectory());
  await client.declare("q");
  await client.send("q", "1", "2");
  await client.consume("q");
  await vi.waitFor(() => expect(client.texts).toEqual(["1", "2"]), WAIT);
  client.session.recover();
  await vi.waitFor(() => expect(client.texts).toEqual(["1", "2", "1", "2"]), WAIT);
  expect(client.deliveries.map(({ redelivered }) => redelivered)).toEqual([false, false, true, true]);
  expect(() => client.session.ack(1, false)).toThrow("PRECONDITION_FAILED - unknown delivery tag 1");
});

test("virtual hosts know nothing of each other, and end with all that is in them", async () => {
  const dataDir = await temporaryDirectory();
  const before = await openClient(dataDir);
  await before.declare("q");
  const other = new Client(before.engine, await before.engine.createVirtualHost("other"));
  expect(() => other.count("q")).toThrow("no queue 'q' in vhost 'other'");
  await other.declare("q");
  await other.send("q", "1");
  expect(before.count("q")).toBe(0);
  await before.engine.deleteVirtualHost("/");
  await before.engine.close();
  const { engine } = await openClient(dataDir);
  expect(engine.virtualHostNames()).toEqual(["other", "/"]);
  const again = new Client(engine, await engine.createVirtualHost("other"));
  expect(again.count("q")).toBe(1);
});

test("a queue that nobody uses for the time of x-expires goes", async () => {
  const client = await openClient(await temporaryDirectory());
  await client.declare("q", { "x-expires": 500 });
  await client.consume("q");
  await client.declare("other", { "x-expires": 500 });
  await vi.waitFor(() => expect(() => client.count("other")).toThrow("NOT_FOUND"), WAIT);
  expect(client.count("q")).toBe(0);
  client.session.cancel("c");
  await vi.waitFor(() => expect(() => client.count("q")).toThrow("NOT_FOUND"), WAIT);
});

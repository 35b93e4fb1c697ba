import { expect, test } from "vitest";
import { numbered, openClient, temporaryDirectory } from "./engine-fixture.ts";

test("a direct exchange routes by the whole routing key, and to each queue once", async () => {
  const client = await openClient(await temporaryDirectory());
  await client.exchange("x", "direct");
  for (const queue of ["a", "b"]) await client.declare(queue);
  await client.bind("a", "x", "one");
  await client.bind("a", "x", "two");
  await client.bind("b", "x", "two");
  expect(["one", "two", "three"].map((key) => client.publish(key, key, {}, "x"))).toEqual([
    "routed",
    "routed",
    "unroutable",
  ]);
  await client.engine.flush();
  expect(await client.drain("a")).toEqual(["one", "two"]);
  expect(await client.drain("b")).toEqual(["two"]);
});

test("bindings that differ in their arguments, or in names that look alike, are bindings of their own", async () => {
  const client = await openClient(await temporaryDirectory(), { bindingsPerVirtualHostMax: 4 });
  for (const queue of ["a", "a b"]) await client.declare(queue);
  const bindings = [
    ["a", "b c", {}],
    ["a b", "c", {}],
    ["a", "c", { one: 1 }],
    ["a", "c", { one: 2 }],
  ] as const;
  for (const [queue, key, args] of bindings) await client.bind(queue, "amq.topic", key, args);
  for (const [queue, key, args] of bindings) await client.bind(queue, "amq.topic", key, args);
  await expect(client.bind("a", "amq.topic", "c")).rejects.toThrow("binding limit");
  await client.host.unbindQueue("a", "amq.topic", "c", { one: 1 }, client.connection);
  client.publish("c", "still bound", {}, "amq.topic");
  await client.host.unbindQueue("a", "amq.topic", "c", { one: 2 }, client.connection);
  client.publish("c", "not any more", {}, "amq.topic");
  await client.engine.flush();
  expect(await client.drain("a")).toEqual(["still bound"]);
  expect(await client.drain("a b")).toEqual(["still bound", "not any more"]);
});

test("a fanout exchange routes to every queue, until it is unbound", async () => {
  const client = await openClient(await temporaryDirectory());
  for (const queue of ["a", "b"]) {
    await client.declare(queue);
    await client.bind(queue, "amq.fanout");
  }
  client.publish("any", "1", {}, "amq.fanout");
  await client.host.unbindQueue("b", "amq.fanout", "", {}, client.connection);
  client.publish("any", "2", {}, "amq.fanout");
  await client.engine.flush();
  expect(await client.drain("a")).toEqual(["1", "2"]);
  expect(await client.drain("b")).toEqual(["1"]);
});

test.each([
  ["a.b.c", "a.b.c", true],
  ["a.*.c", "a.b.c", true],
  ["a.*", "a.b.c", false],
  ["a.#", "a.b.c", true],
  ["a.#", "a", true],
  ["#", "", true],
  ["*", "", true],
  ["#.c", "a.b.c", true],
  ["#.b.#", "a.b.c", true],
  ["#.#.#", "a.b", true],
  ["a.#.c.#.e", "a.b.c.d.e", true],
  ["a.#.c.#.e", "a.b.d.e", false],
  ["*.*", "a", false],
])("the pattern %s and the key %s", async (pattern, key, matches) => {
  const client = await openClient(await temporaryDirectory());
  await client.declare("q");
  await client.bind("q", "amq.topic", pattern);
  expect(client.publish(key, "1", {}, "amq.topic")).toBe(matches ? "routed" : "unroutable");
  await client.host.unbindQueue("q", "amq.topic", pattern, {}, client.connection);
  expect(client.publish(key, "1", {}, "amq.topic")).toBe("unroutable");
});

test.each([
  [{ "x-match": "all", a: 1, b: "x" }, { a: 1, b: "x", c: true }, true],
  [{ "x-match": "all", a: 1, b: "x" }, { a: 1 }, false],
  [{ "x-match": "any", a: 1, b: "x" }, { a: 1 }, true],
  [{ "x-match": "any", a: 1 }, { a: 2 }, false],
  [{ a: 1 }, { a: 1n }, true],
  [{ "x-match": "all", "x-a": 1 }, {}, true],
  [{ "x-match": "all-with-x", "x-a": 1 }, {}, false],
  [{ "x-match": "any", a: null }, { a: "whatever" }, true],
])("headers: %o and a message with %o", async (args, headers, matches) => {
  const client = await openClient(await temporaryDirectory());
  await client.declare("q");
  await client.bind("q", "amq.headers", "", args);
  expect(client.publish("", "1", { headers }, "amq.headers")).toBe(matches ? "routed" : "unroutable");
});

test("exchanges bound to each other, in a circle too, route each message once", async () => {
  const client = await openClient(await temporaryDirectory());
  await client.exchange("x", "fanout");
  await client.exchange("y", "topic");
  await client.declare("q");
  await client.bind("q", "y", "a.*");
  await client.host.bindExchange("y", "x", "", {});
  await client.host.bindExchange("x", "y", "#", {});
  client.publish("a.b", "1", {}, "x");
  await client.engine.flush();
  expect(await client.drain("q")).toEqual(["1"]);
  await client.host.unbindExchange("y", "x", "", {});
  expect(client.publish("a.b", "1", {}, "x")).toBe("unroutable");
});

test("what an exchange cannot route goes to its alternate exchange", async () => {
  const client = await openClient(await temporaryDirectory());
  await client.exchange("rest", "fanout");
  await client.exchange("x", "direct", { "alternate-exchange": "rest" });
  await client.declare("q");
  await client.declare("other");
  await client.bind("q", "x", "q");
  await client.bind("other", "rest");
  for (const key of ["q", "unknown"]) client.publish(key, key, {}, "x");
  await client.engine.flush();
  expect(await client.drain("q")).toEqual(["q"]);
  expect(await client.drain("other")).toEqual(["unknown"]);
});

test("CC and BCC are further routing keys, and nobody is told of BCC", async () => {
  const client = await openClient(await temporaryDirectory());
  for (const queue of ["a", "b", "c"]) await client.declare(queue);
  client.publish("a", "1", { headers: { CC: ["b"], BCC: ["c"] } });
  await client.engine.flush();
  const got = await client.session.get("c", true);
  expect(got?.properties.includes("CC")).toBe(true);
  expect(got?.properties.includes("BCC")).toBe(false);
  expect([client.count("a"), client.count("b")]).toEqual([1, 1]);
  expect(() => client.publish("a", "1", { headers: { CC: "b" } })).toThrow("PRECONDITION_FAILED");
});

test("a message is stored once however many queues it goes to", async () => {
  const client = await openClient(await temporaryDirectory());
  for (const queue of numbered(0, 20)) {
    await client.declare(queue);
    await client.bind(queue, "amq.fanout");
  }
  const { durableOffset } = await client.engine.report();
  client.publish("", "1", {}, "amq.fanout");
  await client.engine.flush();
  expect((await client.engine.report()).durableOffset).toBe(durableOffset + 1);
  for (const queue of numbered(0, 20)) expect(await client.drain(queue)).toEqual(["1"]);
});

test("an internal exchange takes nothing from clients", async () => {
  const client = await openClient(await temporaryDirectory());
  await client.exchange("x", "fanout", {}, { internal: true });
  expect(() => client.publish("", "1", {}, "x")).toThrow(
    "ACCESS_REFUSED - cannot publish to internal exchange 'x'",
  );
});

test("bindings of durable exchanges and queues survive a restart, others do not", async () => {
  const dataDir = await temporaryDirectory();
  const before = await openClient(dataDir);
  await before.exchange("durable", "topic");
  await before.exchange("transient", "topic", {}, { durable: false });
  await before.declare("q");
  await before.declare("gone", {}, { durable: false });
  await before.bind("q", "durable", "a.*", { note: "kept" });
  await before.bind("q", "durable", "b");
  await before.host.unbindQueue("q", "durable", "b", {}, before.connection);
  await before.bind("q", "transient", "a");
  await before.bind("gone", "durable", "c");
  let opened = before;
  for (let restart = 0; restart < 2; restart += 1) {
    await opened.engine.close();
    opened = await openClient(dataDir);
    const again = opened;
    expect(again.publish("a.b", "1", {}, "durable")).toBe("routed");
    expect(again.publish("b", "1", {}, "durable")).toBe("unroutable");
    expect(again.publish("c", "1", {}, "durable")).toBe("unroutable");
    expect(() => again.host.checkExchange("transient")).toThrow("NOT_FOUND");
    expect(() => again.count("gone")).toThrow("NOT_FOUND");
  }
});

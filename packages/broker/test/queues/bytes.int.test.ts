import { expect, test, vi } from "vitest";
import type { QueueEngine } from "@waybill/broker/queues";
import { Client, numbered, openClient, openMortal, temporaryDirectory, WAIT } from "./engine-fixture.ts";

async function bytesOf(engine: QueueEngine, name = "/"): Promise<number> {
  const { virtualHosts } = await engine.report();
  return virtualHosts.find((host) => host.name === name)?.messageBytes ?? -1;
}

const KIB = "x".repeat(1024);

test("a full virtual host refuses what does not fit, says that it is blocked, and goes on when there is room", async () => {
  const client = await openClient(await temporaryDirectory(), { bytesPerVirtualHostMax: 100 * 1024 });
  const told: unknown[] = [];
  client.engine.onVirtualHostBlocked = (...args) => told.push(args);
  await client.declare("q");
  const verdicts = numbered(0, 120).map(() => client.publish("q", KIB));
  await client.engine.flush();
  const taken = verdicts.filter((verdict) => verdict === "routed").length;
  expect(taken).toBeGreaterThan(90);
  expect(taken).toBeLessThan(100);
  expect(verdicts.slice(taken)).toEqual(verdicts.slice(taken).map(() => "refused"));
  expect(client.count("q")).toBe(taken);
  expect(await bytesOf(client.engine)).toBeLessThanOrEqual(100 * 1024);
  const reason = "the messages in vhost '/' take as much as they may (102400 bytes)";
  expect(told).toEqual([["/", reason]]);
  expect(client.host.blockedBy).toBe(reason);

  const other = new Client(client.engine, await client.engine.createVirtualHost("other"));
  await other.declare("q");
  expect(other.publish("q", KIB)).toBe("routed");
  expect(other.host.blockedBy).toBeNull();

  await client.consume("q");
  await vi.waitFor(() => expect(client.deliveries).toHaveLength(taken), WAIT);
  expect(client.publish("q", KIB)).toBe("refused");
  client.session.ack(40, true);
  expect(client.publish("q", KIB)).toBe("routed");
  expect(told.at(-1)).toEqual(["/", null]);
});

test("a message counts in each queue it is in, and until it is settled, whatever becomes of it", async () => {
  const client = await openClient(await temporaryDirectory());
  const { engine, host, connection, session } = client;
  await client.exchange("all", "fanout");
  await client.exchange("later", "x-delayed-message", { "x-delayed-type": "fanout" });
  await client.declare("a", { "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead" });
  await client.declare("b");
  await client.declare("dead", { "x-max-length": 5 });
  for (const queue of ["a", "b"]) await client.bind(queue, "all");
  await client.bind("b", "later");
  client.publish("", KIB, {}, "all");
  await engine.flush();
  const one = (await bytesOf(engine)) / 2;
  expect(one).toBeGreaterThan(1024);
  expect(one).toBeLessThan(1200);

  // Given back, rejected, expired, purged, dropped from the head, and deleted with their queue.
  const first = await session.get("a", false);
  session.reject(first?.tag ?? 0, false, true);
  const again = await session.get("a", false);
  expect(again?.redelivered).toBe(true);
  session.reject(again?.tag ?? 0, false, false);
  await vi.waitFor(() => expect(client.count("dead")).toBe(1), WAIT);
  expect(await bytesOf(engine)).toBeGreaterThan(2 * one);
  for (const text of numbered(0, 20)) client.publish("a", text, { expiration: "1" });
  await engine.flush();
  await vi.waitFor(() => expect([client.count("a"), client.count("dead")]).toEqual([0, 5]), WAIT);
  expect(await client.drain("dead")).toHaveLength(5);
  await vi.waitFor(async () => expect(await bytesOf(engine)).toBe(one), WAIT);

  client.publish("", KIB, { headers: { "x-delay": 20 } }, "later");
  await engine.flush();
  expect(await bytesOf(engine)).toBeGreaterThan(2 * one);
  await vi.waitFor(() => expect(client.count("b")).toBe(2), WAIT);
  const held = await session.get("b", false);
  await host.purgeQueue("b", connection);
  expect(await bytesOf(engine)).toBeGreaterThan(1024);
  session.ack(held?.tag ?? 0, false);
  expect(await bytesOf(engine)).toBe(0);
  await client.send("b", ...numbered(0, 10));
  const unsettled = await session.get("b", false);
  await host.deleteQueue("b", { ifUnused: false, ifEmpty: false }, connection);
  expect(await bytesOf(engine)).toBe(0);
  session.ack(unsettled?.tag ?? 0, false);
  expect(await bytesOf(engine)).toBe(0);
});

test("what messages take is known again after a restart, exactly after one in order", async () => {
  const dataDir = await temporaryDirectory();
  const { client, kill } = await openMortal(dataDir);
  await client.exchange("later", "x-delayed-message", { "x-delayed-type": "fanout" });
  await client.declare("q");
  const sizes = numbered(0, 100).map((text) => "x".repeat(Number(text) * 37));
  await client.send("q", ...sizes);
  client.publish("", KIB, { headers: { "x-delay": 3_600_000 } }, "later");
  await client.engine.flush();
  const before = await bytesOf(client.engine);
  await kill();

  const crashed = await openClient(dataDir, { bytesPerVirtualHostMax: before + 1 });
  expect(await bytesOf(crashed.engine)).toBe(before);
  expect(crashed.publish("q", "xx")).toBe("refused");
  expect(crashed.host.blockedBy).toContain("take as much as they may");
  for (let index = 0; index < 50; index += 1) await crashed.session.get("q", true);
  const left = await bytesOf(crashed.engine);
  expect(left).toBeLessThan(before);
  await crashed.engine.close();

  const later = await openClient(dataDir);
  expect(Math.abs((await bytesOf(later.engine)) - left)).toBeLessThanOrEqual(1);
  expect(await later.drain("q")).toEqual(sizes.slice(50));
  expect(await bytesOf(later.engine)).toBeLessThan(1200);
  await later.host.purgeQueue("q", later.connection);
  expect(await bytesOf(later.engine)).toBeGreaterThan(1024);
});

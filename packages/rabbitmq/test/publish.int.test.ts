import { expect, test } from "vitest";
import { freePort, waitFor } from "@waybill/services";
import { testRabbitmq } from "@waybill/services/vitest";
import {
  brokerAt,
  collect,
  fates,
  message,
  messages,
  NO_FENCE,
  openBed,
  withServer,
} from "./rabbitmq-fixture.ts";

const server = testRabbitmq();

test("copies of one id that no queue takes are each rejected, although the server confirms them", async () => {
  const { broker, group } = await openBed(server.url);
  await broker.declareGroup(group, ["order.placed"]);
  const lost = message({ topic: "nobody.wants.it" });
  const results = await broker.publish([lost, message(), lost], NO_FENCE);
  expect(fates(results)).toEqual(["UNROUTABLE, may pass", "confirmed", "UNROUTABLE, may pass"]);
});

test("a thousand unroutable messages cost the routed ones nothing", async () => {
  const { broker, group } = await openBed(server.url);
  await broker.declareGroup(group, ["order.placed"]);
  const batch = messages(2_000, (index) => (index % 2 === 0 ? {} : { topic: "nobody.wants.it" }));
  const found = fates(await broker.publish(batch, NO_FENCE));
  expect(found).toEqual(
    batch.map(({ topic }) => (topic === "order.placed" ? "confirmed" : "UNROUTABLE, may pass")),
  );
});

test("when the exchange was deleted, the messages are unknown, and the next ones arrive again", async () => {
  const { broker, group, exchange } = await openBed(server.url);
  await broker.declareGroup(group, ["order.placed"]);
  await withServer(server.url, (channel) => channel.deleteExchange(exchange));
  expect(fates(await broker.publish(messages(3), NO_FENCE))).toEqual(["unknown", "unknown", "unknown"]);
  const again = messages(3);
  expect(fates(await broker.publish(again, NO_FENCE))).toEqual(["confirmed", "confirmed", "confirmed"]);
  const seen = await collect(broker, group);
  await waitFor(() => seen.deliveries.length === 3);
  expect(seen.ids()).toEqual(again.map(({ id }) => id));
});

test.each(["classic", "quorum"] as const)(
  "a full %s queue that refuses publishes: rejected for now, after several channels; the next ones at once",
  async (queueType) => {
    const limited = { "x-max-length": 5, "x-overflow": "reject-publish" };
    const { broker, group, events } = await openBed(server.url, { queueType, queueArguments: limited });
    await broker.declareGroup(group, ["order.placed"]);
    const full = await waitFor(async () => {
      const [fate] = fates(await broker.publish([message()], NO_FENCE));
      return fate === "confirmed" ? null : fate;
    });
    expect(full).toBe("BROKER_REFUSED, may pass");
    expect(events.map(({ type }) => type)).toContain("rabbitmq.channel-replaced");
    const startedAt = performance.now();
    expect(fates(await broker.publish(messages(50), NO_FENCE))).toEqual(Array(50).fill(full));
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    const seen = await collect(broker, group);
    await waitFor(() => seen.deliveries.length >= 5);
    await waitFor(async () => fates(await broker.publish([message()], NO_FENCE))[0] === "confirmed");
  },
);

test("a message with more headers than AMQP carries is rejected for good; the others are confirmed", async () => {
  const { broker, group } = await openBed(server.url);
  await broker.declareGroup(group, ["order.placed"]);
  const large = message({ headers: { "x-large": "x".repeat(70_000) } });
  const results = await broker.publish([message(), large, message()], NO_FENCE);
  expect(fates(results)).toEqual(["confirmed", "PAYLOAD_TOO_LARGE", "confirmed"]);
});

test("publishes that overlap arrive in the order of the calls, also when they exceed the window", async () => {
  const { broker, group } = await openBed(server.url, { confirmWindow: 10 });
  await broker.declareGroup(group, ["order.placed"]);
  const batches = [messages(300), messages(5), messages(300)];
  const results = await Promise.all(batches.map((batch) => broker.publish(batch, NO_FENCE)));
  expect(new Set(results.flatMap(fates))).toEqual(new Set(["confirmed"]));
  const seen = await collect(broker, group);
  await waitFor(() => seen.deliveries.length === 605);
  expect(seen.ids()).toEqual(batches.flat().map(({ id }) => id));
});

test("of several addresses the one that answers is used", async () => {
  const dead = `amqp://guest:guest@127.0.0.1:${await freePort()}`;
  const { broker } = await openBed(server.url, { urls: [dead, server.url] });
  expect(await broker.health()).toEqual({ status: "up", detail: "" });
});

test("a server that is not there: open says which, without the password, and may be called again", async () => {
  const port = await freePort();
  const { broker } = brokerAt(`amqp://guest:secret@127.0.0.1:${port}`);
  for (const _ of [1, 2]) {
    const error: unknown = await broker.open().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "BROKER_UNAVAILABLE", retryable: true });
    expect(String(error)).toContain(String(port));
    expect(String(error)).not.toContain("secret");
  }
  expect((await broker.health()).status).toBe("down");
  expect(fates(await broker.publish([message()], NO_FENCE))).toEqual(["unknown"]);
});

test("a wrong password is said to be one", async () => {
  const url = new URL(server.url);
  url.password = "wrong";
  const { broker } = brokerAt(url.href);
  await expect(broker.open()).rejects.toMatchObject({
    code: "BROKER_UNAVAILABLE",
    message: expect.stringContaining("ACCESS_REFUSED") as string,
  });
});

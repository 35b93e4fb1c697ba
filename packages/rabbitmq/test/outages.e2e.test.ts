import { expect, test } from "vitest";
import { startRabbitmq, waitFor, whyNoRabbitmq } from "@waybill/services";
import { testServer } from "@waybill/services/vitest";
import { collect, fates, message, messages, NO_FENCE, openBed, stuck, TOPIC } from "./rabbitmq-fixture.ts";
import { firsts, publishAllUntilConfirmed, publishUntilConfirmed } from "./flow.ts";
import { rabbitmqctl } from "./rabbitmqctl.ts";

const server = testServer("rabbitmq", whyNoRabbitmq({ own: true }), startRabbitmq);

/** RabbitMQ 3 reads the first at every message, RabbitMQ 4 the second. */
async function limitMessages(bytes: number): Promise<void> {
  const setting = `application:set_env(rabbit, max_message_size, ${bytes})`;
  await rabbitmqctl(server(), "eval", `${setting}, persistent_term:put(max_message_size, ${bytes}).`);
}

/**
 * RabbitMQ 3.10 writes down which quorum queues there are half a second after the last one was declared. One that it
 * forgets in a crash answers nothing for ever.
 */
async function syncQueueDirectory(): Promise<void> {
  await rabbitmqctl(server(), "eval", "[dets:sync(Table) || Table <- dets:all()].");
}

test.each(["classic", "quorum"] as const)(
  "a server that is killed while messages flow through a %s queue: none is lost, and their order holds",
  async (queueType) => {
    const { broker, group } = await openBed(server().url, { queueType });
    await broker.declareGroup(group, [TOPIC]);
    await syncQueueDirectory();
    const seen = await collect(broker, group);
    const batch = messages(6_000);
    const publishing = publishAllUntilConfirmed(broker, batch);
    await waitFor(() => seen.deliveries.length > 1_000);
    await server().kill();
    await waitFor(async () => (await broker.health()).status === "down");
    await server().start();
    const answers = await publishing;
    await waitFor(() => new Set(seen.ids()).size === batch.length, { deadlineMs: 60_000 });
    expect(firsts(seen.ids())).toEqual(batch.map(({ id }) => id));
    expect([...answers].filter((fate) => fate !== "confirmed" && fate !== "unknown")).toEqual([]);
    expect((await broker.health()).status).toBe("up");
  },
);

test("a server that hangs: the publish is unknown at its deadline, and the next one goes over a new connection", async () => {
  const { broker, group, events } = await openBed(server().url, { connectTimeoutMs: 500 });
  await broker.declareGroup(group, [TOPIC]);
  const batch = messages(3);
  server().pause();
  try {
    const answers = fates(await broker.publish(batch, { fence: null, timeoutMs: 500 }));
    expect(answers).toEqual(["unknown", "unknown", "unknown"]);
    expect((await broker.health()).status).toBe("down");
    await expect(broker.open()).rejects.toMatchObject({ code: "BROKER_UNAVAILABLE" });
  } finally {
    server().resume();
  }
  await publishUntilConfirmed(broker, batch);
  const seen = await collect(broker, group);
  await waitFor(() => seen.deliveries.length >= 3);
  expect(firsts(seen.ids())).toEqual(batch.map(({ id }) => id));
  expect(events.map(({ type }) => type)).toContain("rabbitmq.disconnected");
});

test("a server that hangs silently is noticed by its heartbeat, and consumers go on after it", async () => {
  const { broker, group, events } = await openBed(server().url, {
    heartbeatMs: 1_000,
    connectTimeoutMs: 500,
  });
  await broker.declareGroup(group, [TOPIC]);
  const seen = await collect(broker, group, (_delivery, index) =>
    index === 0 ? stuck() : Promise.resolve({ kind: "ack" }),
  );
  const sent = message();
  await publishUntilConfirmed(broker, [sent]);
  await waitFor(() => seen.deliveries.length === 1);
  server().pause();
  try {
    // Each connection finds out by itself.
    await waitFor(
      () => events.some((event) => event.type === "rabbitmq.disconnected" && event.role === "consuming"),
      { deadlineMs: 10_000, describe: "the connection of the consumers to be given up" },
    );
    expect((await broker.health()).status).toBe("down");
  } finally {
    server().resume();
  }
  await waitFor(() => seen.deliveries.length === 2, { deadlineMs: 30_000 });
  expect(seen.deliveries.map(({ envelope, redelivered }) => [envelope.id, redelivered])).toEqual([
    [sent.id, false],
    [sent.id, true],
  ]);
});

test("a server short of memory: health says blocked and why, publishes are unknown at once, consumers go on", async () => {
  const { broker, group, events } = await openBed(server().url);
  await broker.declareGroup(group, [TOPIC]);
  await publishUntilConfirmed(broker, messages(3));
  await rabbitmqctl(server(), "set_vm_memory_high_watermark", "absolute", "1MB");
  try {
    const first = message();
    expect(fates(await broker.publish([first], { fence: null, timeoutMs: 1_000 }))).toEqual(["unknown"]);
    const health = await broker.health();
    expect(health.status).toBe("blocked");
    expect(health.detail).toContain("memory");
    await expect(broker.open()).rejects.toMatchObject({ code: "BROKER_UNAVAILABLE", retryable: true });
    const startedAt = performance.now();
    expect(fates(await broker.publish([message()], NO_FENCE))).toEqual(["unknown"]);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    const seen = await collect(broker, group);
    await waitFor(() => seen.deliveries.length >= 3);
  } finally {
    await rabbitmqctl(server(), "set_vm_memory_high_watermark", "0.8");
  }
  await waitFor(async () => (await broker.health()).status === "up");
  expect(await publishUntilConfirmed(broker, [message()])).toContain("confirmed");
  expect(events.map(({ type }) => type)).not.toContain("rabbitmq.disconnected");
});

test("a message above the server's own limit is rejected for good, and what was sent with it is published again", async () => {
  const { broker, group } = await openBed(server().url);
  await broker.declareGroup(group, [TOPIC]);
  await limitMessages(100_000);
  await broker[Symbol.asyncDispose]();
  await broker.open();
  const [before, large, after] = [message(), message({ payload: Buffer.alloc(200_000) }), message()];
  const answers = fates(await broker.publish([before, large, after], NO_FENCE));
  expect(answers[1]).toBe("PAYLOAD_TOO_LARGE");
  await publishUntilConfirmed(broker, [before, after]);
  expect(fates(await broker.publish([large, after], NO_FENCE))).toEqual(["PAYLOAD_TOO_LARGE", "confirmed"]);
  await limitMessages(134_217_728);
});

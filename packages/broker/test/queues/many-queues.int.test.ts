import { expect, test, vi } from "vitest";
import { Client, numbered, openClient, temporaryDirectory, WAIT } from "./engine-fixture.ts";

const QUEUES = 5000;
const BYTES_PER_QUEUE_MAX = 10_000;

test(
  "5,000 queues are cheap, route at once, and are all there after a restart",
  { timeout: 60_000 },
  async () => {
    const dataDir = await temporaryDirectory();
    const before = await openClient(dataDir);
    const heapBefore = process.memoryUsage().heapUsed;
    await Promise.all(numbered(0, QUEUES).map((queue) => before.declare(`q${queue}`)));
    await Promise.all(
      numbered(0, QUEUES).map((queue) => before.bind(`q${queue}`, "amq.topic", `to.${queue}.#`)),
    );
    const heapUsed = process.memoryUsage().heapUsed - heapBefore;
    expect(heapUsed / QUEUES).toBeLessThan(BYTES_PER_QUEUE_MAX);
    for (const queue of numbered(0, QUEUES)) before.publish(`to.${queue}.it`, queue, {}, "amq.topic");
    await before.engine.flush();
    before.session.close();
    await before.engine.close();
    const client = await openClient(dataDir);
    await Promise.all(numbered(0, QUEUES).map((queue) => client.consume(`q${queue}`, { tag: queue })));
    await vi.waitFor(() => expect(client.deliveries).toHaveLength(QUEUES), WAIT);
    expect(client.deliveries.every(({ consumerTag, body }) => consumerTag === body.toString())).toBe(true);
  },
);

test("a consumer that never acknowledges holds up nobody else", async () => {
  const stuck = await openClient(await temporaryDirectory(), { memoryBytesMax: 64 * 1024 });
  const busy = new Client(stuck.engine, stuck.host);
  for (const queue of ["stuck", "busy", "shared"]) await stuck.declare(queue);
  stuck.session.prefetch(10, false);
  await stuck.consume("stuck", { tag: "stuck" });
  await stuck.consume("shared", { tag: "shared" });
  await busy.consume("busy", { tag: "busy", noAck: true });
  await busy.consume("shared", { tag: "shared", noAck: true });
  const body = "x".repeat(1000);
  for (let batch = 0; batch < 20; batch += 1) {
    for (const queue of ["stuck", "busy", "shared"])
      for (let index = 0; index < 20; index += 1) stuck.publish(queue, body);
    await stuck.engine.flush();
  }
  await vi.waitFor(() => expect(busy.deliveries.length).toBe(400 + 400 - 10), WAIT);
  expect(stuck.deliveries).toHaveLength(20);
  expect(stuck.count("stuck")).toBe(390);
});

import type { Channel, ConfirmChannel } from "amqplib";
import { waitFor } from "@waybill/services";
import { expect, test } from "vitest";
import { startBed, type ServerBed } from "../support/server-bed.ts";

const BODY = Buffer.alloc(8 * 1024, "x");
const REASON = "the messages in vhost '/' take as much as they may (1048576 bytes)";

function startSmall(): Promise<ServerBed> {
  return startBed({ engine: { bytesPerVirtualHostMax: 1024 * 1024 } });
}

/** Publishes until the server asks to wait; answers how much was confirmed. */
async function fill(bed: ServerBed): Promise<number> {
  const model = await bed.connect();
  const blocked: string[] = [];
  model.on("blocked", (reason: string) => blocked.push(reason));
  const channel = await model.createConfirmChannel();
  await channel.assertQueue("q");
  let confirmed = 0;
  while (blocked.length === 0) {
    const answers = await Promise.all(Array.from({ length: 5 }, () => isConfirmed(channel, "q")));
    confirmed += answers.filter((isTaken) => isTaken).length;
  }
  expect(blocked).toEqual([REASON]);
  return confirmed;
}

function isConfirmed(channel: ConfirmChannel, queue: string): Promise<boolean> {
  return new Promise((resolve) => {
    channel.sendToQueue(queue, BODY, { persistent: true }, (error) => resolve(error === null));
  });
}

async function take(channel: Channel, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) await channel.get("q", { noAck: true });
}

test("publishers to a full virtual host have to wait until it is emptier", async () => {
  const bed = await startSmall();
  const confirmed = await fill(bed);
  expect(confirmed).toBeGreaterThan(50);
  const publisher = await bed.connect();
  const told: string[] = [];
  publisher.on("blocked", () => told.push("blocked"));
  publisher.on("unblocked", () => told.push("unblocked"));
  const channel = await publisher.createConfirmChannel();
  const results: boolean[] = [];
  const sent = Array.from({ length: 200 }, async () => results.push(await isConfirmed(channel, "q")));
  await waitFor(() => told.length === 1);

  const reader = await (await bed.connect()).createChannel();
  await waitFor(async () => {
    await take(reader, 20);
    return results.length === 200;
  });
  await Promise.all(sent);
  // What was read in the moment when it became full is all that may be refused.
  expect(results.filter((isTaken) => isTaken).length).toBeGreaterThan(180);
  expect(told.slice(0, 2)).toEqual(["blocked", "unblocked"]);
  const events = bed.events.filter(({ type }) => type === "server.blocked");
  expect(events.slice(0, 2)).toEqual([
    { type: "server.blocked", level: "warn", reason: REASON, virtualHost: "/" },
    { type: "server.blocked", level: "warn", reason: null, virtualHost: "/" },
  ]);
});

test("another virtual host does not notice", async () => {
  const bed = await startSmall();
  await fill(bed);
  const channel = await (await bed.connect("/other")).createConfirmChannel();
  await channel.assertQueue("q");
  for (let index = 0; index < 20; index += 1) expect(await isConfirmed(channel, "q")).toBe(true);
  const { virtualHosts, blockedBy } = await bed.engine.report();
  expect(blockedBy).toBeNull();
  expect(virtualHosts).toMatchObject([
    { name: "/", queueCount: 1, blockedBy: REASON },
    { name: "other", queueCount: 1, blockedBy: null },
  ]);
});

test("a client that consumes as well is refused what does not fit, and its acknowledgements make room", async () => {
  const bed = await startSmall();
  await fill(bed);
  const channel = await (await bed.connect()).createConfirmChannel();
  const got = await channel.get("q");
  expect(got).not.toBe(false);
  // It is not held, so each is answered, until one no longer fits.
  await waitFor(async () => !(await isConfirmed(channel, "q")));
  await channel.prefetch(10);
  await channel.consume("q", (message) => message !== null && channel.ack(message));
  if (got !== false) channel.ack(got);
  await waitFor(() => isConfirmed(channel, "q"));
});

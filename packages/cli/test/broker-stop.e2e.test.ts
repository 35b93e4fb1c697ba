import { once } from "node:events";
import { join } from "node:path";
import { waitFor } from "@waybill/services";
import { testFolder } from "@waybill/services/vitest";
import { expect, test } from "vitest";
import { client, startBrokerBed } from "./broker-bed.ts";

const QUEUE = "orders";
const PUBLISHED = 20_000;
const BODY = Buffer.alloc(1_024, "x");

/** Publishes without waiting; tells which messages are confirmed so far, and when all have been answered one way or another. */
async function publishMany(url: string) {
  const channel = await (await client(url)).createConfirmChannel();
  channel.on("error", () => undefined);
  await channel.assertQueue(QUEUE, { durable: true });
  const confirmed = new Set<string>();
  const answers: Promise<void>[] = [];
  for (let number = 0; number < PUBLISHED; number += 1) {
    const messageId = String(number);
    const answer = Promise.withResolvers<void>();
    answers.push(answer.promise);
    channel.sendToQueue(QUEUE, BODY, { persistent: true, messageId }, (error) => {
      if (error === null) confirmed.add(messageId);
      answer.resolve();
    });
  }
  return { confirmed, answered: Promise.all(answers) };
}

/** Takes everything that waits, and tells the ids in the order they came, and which of them came again. */
async function takeAll(url: string) {
  const channel = await (await client(url)).createChannel();
  const taken: string[] = [];
  const redelivered = new Set<string>();
  for (;;) {
    const message = await channel.get(QUEUE, { noAck: true });
    if (message === false) return { taken, redelivered };
    const id = String(message.properties.messageId);
    taken.push(id);
    if (message.fields.redelivered) redelivered.add(id);
  }
}

test("SIGTERM with messages in flight: what was confirmed is there afterwards, what was held comes again, in order", async () => {
  const dataDir = join(testFolder(), "data");
  const first = await startBrokerBed(dataDir);
  const url = `amqp://guest:guest@${first.plain}`;
  const holder = await (await client(url)).createChannel();
  await holder.assertQueue(QUEUE, { durable: true });
  const held: string[] = [];
  await holder.prefetch(10);
  await holder.consume(QUEUE, (message) => held.push(String(message?.properties.messageId)));
  const { confirmed, answered } = await publishMany(url);
  await waitFor(() => confirmed.size > 200 && held.length === 10);
  first.process.kill("SIGTERM");
  await answered;
  expect(confirmed.size, "it was told too late to mean something").toBeLessThan(PUBLISHED);
  expect(await first.process.exited).toEqual({ code: 0, signal: null });
  expect(first.process.lines.at(-1)).toMatchObject({ event: "stopped" });
  const second = await startBrokerBed(dataDir);
  const { taken, redelivered } = await takeAll(`amqp://guest:guest@${second.plain}`);
  expect(
    [...confirmed].filter((id) => !taken.includes(id)),
    "confirmed and lost",
  ).toEqual([]);
  expect(taken).toEqual(Array.from({ length: taken.length }, (_, number) => String(number)));
  expect(
    held.filter((id) => !redelivered.has(id)),
    "held, and not marked when it came again",
  ).toEqual([]);
});

test("kill -9 with messages in flight: what was confirmed is there afterwards, once and in order", async () => {
  const dataDir = join(testFolder(), "data");
  const first = await startBrokerBed(dataDir);
  const { confirmed, answered } = await publishMany(`amqp://guest:guest@${first.plain}`);
  await waitFor(() => confirmed.size > 200);
  first.process.kill("SIGKILL");
  await answered;
  expect(confirmed.size, "it was killed too late to mean something").toBeLessThan(PUBLISHED);
  await first.process.exited;
  const second = await startBrokerBed(dataDir);
  const { taken } = await takeAll(`amqp://guest:guest@${second.plain}`);
  expect(
    [...confirmed].filter((id) => !taken.includes(id)),
    "confirmed and lost",
  ).toEqual([]);
  expect(taken).toEqual(Array.from({ length: taken.length }, (_, number) => String(number)));
});

test("a client is told why it is disconnected", async () => {
  const { process: broker, plain } = await startBrokerBed(join(testFolder(), "data"));
  const connection = await client(`amqp://guest:guest@${plain}`);
  const closed = once(connection, "close") as Promise<[Error]>;
  broker.kill("SIGTERM");
  expect((await closed)[0].message).toMatch(/320.*shutdown/);
});

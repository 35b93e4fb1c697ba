import { connect, type ChannelModel } from "amqplib";
import { expect, onTestFinished, test } from "vitest";
import { waitFor } from "@waybill/services";
import { startWaybill, type WaybillTarget } from "./support/broker-target.ts";

const CONNECTIONS = 1_000;
const QUEUES = 5_000;
const AT_ONCE = 100;
const MIB = 1024 * 1024;
/** What the server's process may take, Node's own 100 MiB and more included. */
const RESIDENT_BYTES_MAX = 400 * MIB;

test("with 1,000 connections and 5,000 queues the server works, in bounded memory, also after a kill", async () => {
  await using broker = await startWaybill();
  const models = await connectMany(broker.url);
  const queues = Array.from({ length: QUEUES }, (_, index) => `q-${index}`);
  await inGroups(queues, async (queue, index) => {
    const channel = await models[index % CONNECTIONS]!.createConfirmChannel();
    await channel.assertQueue(queue);
    channel.sendToQueue(queue, Buffer.from(queue), { persistent: true });
    await channel.waitForConfirms();
    await channel.close();
  });
  const { rss, connections } = await reportOf(broker);
  expect(connections).toBe(CONNECTIONS);
  expect(rss).toBeLessThan(RESIDENT_BYTES_MAX);
  await Promise.all(models.map((model) => model.close()));

  await broker.kill();
  await broker.start();
  const [model] = await connectMany(broker.url, 1);
  const channel = await model!.createChannel();
  const got = new Set<string>();
  await inGroups(queues, async (queue) => {
    const message = await channel.get(queue, { noAck: true });
    if (message !== false) got.add(message.content.toString());
  });
  expect(got).toEqual(new Set(queues));
  expect((await reportOf(broker)).rss).toBeLessThan(RESIDENT_BYTES_MAX);
});

test("a consumer that never acknowledges holds up nobody else, on its own queue either", async () => {
  await using broker = await startWaybill();
  const [bad, good, publisher] = await connectMany(broker.url, 3);
  const hoarding = await bad!.createChannel();
  const working = await good!.createChannel();
  const publishing = await publisher!.createConfirmChannel();
  for (const queue of ["shared", "other"]) await publishing.assertQueue(queue);
  await hoarding.prefetch(50);
  const hoarded: string[] = [];
  await hoarding.consume("shared", (message) => void hoarded.push(message!.content.toString()));
  for (let number = 0; number < 50; number += 1)
    publishing.sendToQueue("shared", Buffer.from(`kept ${number}`));
  await waitFor(() => hoarded.length === 50);

  const got = { shared: 0, other: 0 };
  for (const queue of ["shared", "other"] as const) {
    await working.consume(queue, (message) => {
      got[queue] += 1;
      working.ack(message!);
    });
  }
  for (let number = 0; number < 2_000; number += 1) {
    publishing.sendToQueue("shared", Buffer.from("work"), { persistent: true });
    publishing.sendToQueue("other", Buffer.from("work"), { persistent: true });
  }
  await publishing.waitForConfirms();
  await waitFor(() => got.shared === 2_000 && got.other === 2_000);
  expect(hoarded).toHaveLength(50);
  await bad!.close();
  await waitFor(() => got.shared === 2_050, { describe: "what the other one held" });
});

async function connectMany(url: string, count = CONNECTIONS): Promise<ChannelModel[]> {
  const models: ChannelModel[] = [];
  await inGroups(Array.from({ length: count }), async () => {
    const model = await connect(url);
    model.on("error", () => {}); // The broker is killed.
    onTestFinished(() => model.close().catch(() => {}));
    models.push(model);
  });
  return models;
}

async function inGroups<T>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  for (let from = 0; from < items.length; from += AT_ONCE) {
    await Promise.all(items.slice(from, from + AT_ONCE).map((item, index) => work(item, from + index)));
  }
}

/** What the server says about itself. */
async function reportOf({ process }: WaybillTarget): Promise<{ rss: number; connections: number }> {
  const known = process.lines.length;
  process.kill("SIGUSR2");
  const line = await waitFor(() => process.lines.slice(known).find(({ event }) => event === "report"));
  return line as unknown as { rss: number; connections: number };
}

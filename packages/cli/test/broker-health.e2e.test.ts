import { once } from "node:events";
import { join } from "node:path";
import { waitFor } from "@waybill/services";
import { testFolder } from "@waybill/services/vitest";
import { expect, test } from "vitest";
import { client, startBrokerBed, streamOf } from "./broker-bed.ts";

async function answer(url: string): Promise<{ status: number; body: unknown }> {
  const response = await fetch(url);
  return { status: response.status, body: await response.json() };
}

/** The series of a page of metrics, by name and labels. */
async function metrics(health: string): Promise<ReadonlyMap<string, number>> {
  const text = await (await fetch(`${health}/metrics`)).text();
  const series = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    series.map((line) => [
      line.slice(0, line.lastIndexOf(" ")),
      Number(line.slice(line.lastIndexOf(" ") + 1)),
    ]),
  );
}

test("the page tells that it is up, and counts what happens", async () => {
  const { health, plain } = await startBrokerBed(join(testFolder(), "data"));
  expect(await answer(`${health}/health`)).toEqual({ status: 200, body: { status: "up" } });
  const channel = await (await client(`amqp://guest:guest@${plain}`)).createConfirmChannel();
  const queue = 'a "quoted"\nqueue';
  await channel.assertQueue(queue, { durable: true });
  for (const text of ["one", "two", "three"])
    channel.sendToQueue(queue, Buffer.from(text), { persistent: true });
  channel.publish("", "nowhere", Buffer.from("x"), { mandatory: true });
  await channel.waitForConfirms();
  const [first, second] = [await channel.get(queue), await channel.get(queue)];
  if (first === false || second === false) throw new Error("the messages are not there");
  channel.ack(first);
  const counted = await waitFor(async () => {
    const found = await metrics(health);
    return found.get("waybill_broker_messages_acked_total") === 1 && found;
  });
  const labels = String.raw`{vhost="/",queue="a \"quoted\"\nqueue"}`;
  const wanted: Record<string, number> = {
    waybill_broker_up: 1,
    waybill_broker_blocked: 0,
    waybill_broker_connections: 1,
    waybill_broker_channels: 1,
    waybill_broker_queues: 1,
    waybill_broker_messages_published_total: 4,
    waybill_broker_messages_confirmed_total: 4,
    waybill_broker_messages_returned_total: 1,
    waybill_broker_messages_delivered_total: 2,
    [`waybill_broker_queue_messages_ready${labels}`]: 1,
    [`waybill_broker_queue_messages_unsettled${labels}`]: 1,
  };
  expect(Object.fromEntries(Object.keys(wanted).map((name) => [name, counted.get(name)]))).toEqual(wanted);
  expect(counted.get("waybill_broker_log_bytes")).toBeGreaterThan(0);
  expect(counted.get("waybill_broker_log_segments")).toBeGreaterThan(0);
  const { body } = await answer(`${health}/queues`);
  expect(body).toMatchObject({ queues: [{ name: queue, virtualHost: "/", messageCount: 1 }], omitted: 0 });
});

test("a virtual host has the limits that flags give it, and the page shows which one is full", async () => {
  const limits = ["--queues-per-virtual-host-max", "1", "--bytes-per-virtual-host-max", "1MiB"];
  const flags = ["--virtual-hosts", "/,shop", ...limits];
  const { health, plain } = await startBrokerBed(join(testFolder(), "data"), flags);
  const publisher = await client(`amqp://guest:guest@${plain}/shop`);
  const blocked = once(publisher, "blocked");
  const channel = await publisher.createConfirmChannel();
  await channel.assertQueue("orders");
  channel.sendToQueue("orders", Buffer.alloc(1_000_000));
  expect(await blocked).toEqual(["the messages in vhost 'shop' take as much as they may (1048576 bytes)"]);
  const shown = await metrics(health);
  const of = (what: string, name: string): number | undefined =>
    shown.get(`waybill_broker_virtual_host_${what}{vhost="${name}"}`);
  expect([of("queues", "shop"), of("queues", "/")]).toEqual([1, 0]);
  expect([of("blocked", "shop"), of("blocked", "/")]).toEqual([1, 0]);
  expect(of("message_bytes", "shop")).toBeGreaterThan(1_000_000);
  expect(of("message_bytes", "/")).toBe(0);
  expect(await answer(`${health}/health`)).toEqual({ status: 200, body: { status: "up" } });

  const other = await (await client(`amqp://guest:guest@${plain}/shop`)).createChannel();
  other.on("error", () => undefined);
  await expect(other.assertQueue("more")).rejects.toThrow("queue limit in vhost 'shop' (1) is reached");
  const elsewhere = await (await client(`amqp://guest:guest@${plain}`)).createConfirmChannel();
  await elsewhere.assertQueue("more");
  elsewhere.sendToQueue("more", Buffer.alloc(100_000));
  await elsewhere.waitForConfirms();
});

test("it can only be read, and only there where it is", async () => {
  const { health } = await startBrokerBed(join(testFolder(), "data"));
  expect((await fetch(`${health}/health`, { method: "POST" })).status).toBe(405);
  expect((await fetch(`${health}/`)).status).toBe(404);
  const head = await fetch(`${health}/metrics`, { method: "HEAD" });
  expect([head.status, await head.text()]).toEqual([200, ""]);
});

test("while it stops, it answers 503 with the reason", async () => {
  const { process: broker, health, plain } = await startBrokerBed(join(testFolder(), "data"));
  const connection = await client(`amqp://guest:guest@${plain}`);
  // It does not answer the end, so that there is time to look.
  streamOf(connection).removeAllListeners("readable");
  broker.kill("SIGTERM");
  await broker.line(({ event }) => event === "stopping");
  const down = { status: 503, body: { status: "down", reason: "it is being stopped" } };
  expect(await answer(`${health}/health`)).toEqual(down);
  expect((await metrics(health)).get("waybill_broker_up")).toBe(0);
});

test("a flood of requests leaves it answering", async () => {
  const { health } = await startBrokerBed(join(testFolder(), "data"));
  await Promise.allSettled(
    Array.from({ length: 500 }, () => fetch(`${health}/metrics`).then((page) => page.text())),
  );
  expect((await answer(`${health}/health`)).status).toBe(200);
});

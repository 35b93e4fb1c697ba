import type { Method } from "@waybill/amqp";
import { waitFor } from "@waybill/services";
import { expect, test } from "vitest";
import type { RawClient } from "../support/raw-client.ts";
import { startBed } from "../support/server-bed.ts";
import { valveOn } from "../support/valve.ts";

const FLAGS = { passive: false, durable: true, exclusive: false, autoDelete: false } as const;

function declare(queue: string, nowait = false): Method {
  return { name: "queue.declare", queue, ...FLAGS, nowait, arguments: {} };
}

async function twoChannels(open: () => Promise<RawClient>): Promise<RawClient> {
  const client = await open();
  client.send(2, { name: "channel.open" });
  await client.expect("channel.open-ok");
  client.send(1, declare("there"));
  await client.expect("queue.declare-ok");
  client.send(2, { name: "confirm.select", nowait: false });
  await client.expect("confirm.select-ok");
  return client;
}

test("a declaration that takes long holds up its own channel, and no other one", async () => {
  const valve = valveOn();
  const { open } = await startBed({ wrap: valve.wrap });
  const client = await twoChannels(open);
  valve.close();
  client.send(1, declare("slow"), declare("behind"));
  await waitFor(() => valve.waiting === 1);
  client.publish(2, "there", Buffer.from("x"));
  await waitFor(() => valve.waiting === 2);
  await valve.letThrough(1);
  expect(await client.expect("basic.ack")).toMatchObject({ deliveryTag: 1 });
  valve.open();
  expect(await client.expect("queue.declare-ok")).toMatchObject({ queue: "slow" });
  expect(await client.expect("queue.declare-ok")).toMatchObject({ queue: "behind" });
  expect(client.received.at(-1)?.channel).toBe(1);
});

test("what comes behind a declaration on its channel finds what was declared", async () => {
  const valve = valveOn();
  const { open } = await startBed({ wrap: valve.wrap });
  const client = await twoChannels(open);
  valve.close();
  client.send(2, declare("new"));
  client.publish(2, "new", Buffer.from("of several frames".repeat(10_000)), { mandatory: true });
  await waitFor(() => valve.waiting === 1);
  valve.open();
  await client.expect("queue.declare-ok");
  expect(await client.expect("basic.ack")).toMatchObject({ deliveryTag: 1 });
});

test("a channel that is refused what it asked for is closed, and the others go on", async () => {
  const valve = valveOn();
  const { open } = await startBed({ wrap: valve.wrap });
  const client = await twoChannels(open);
  valve.close();
  client.send(1, { name: "basic.get", queue: "nowhere", noAck: true }, declare("behind"));
  await waitFor(() => valve.waiting === 1);
  client.send(2, declare("elsewhere"));
  await waitFor(() => valve.waiting === 2);
  valve.open();
  expect(await client.expect("channel.close")).toMatchObject({ replyCode: 404, methodId: 70 });
  expect(await client.expect("queue.declare-ok")).toMatchObject({ queue: "elsewhere" });
  client.send(1, { name: "channel.close-ok" }, { name: "channel.open" }, declare("behind"));
  await client.expect("channel.open-ok");
  expect(await client.expect("queue.declare-ok")).toMatchObject({ queue: "behind", messageCount: 0 });
});

test("a client that closes the connection has everything done before that it asked for", async () => {
  const valve = valveOn();
  const { open, engine } = await startBed({ wrap: valve.wrap });
  const client = await twoChannels(open);
  valve.close();
  client.send(1, declare("new", true));
  for (let index = 0; index < 100; index += 1) client.publish(1, "new", Buffer.from("x"));
  client.send(0, { name: "connection.close", replyCode: 200, replyText: "", classId: 0, methodId: 0 });
  await waitFor(() => valve.waiting === 1);
  expect(client.received.at(-1)?.method.name).not.toBe("connection.close-ok");
  valve.open();
  await client.expect("connection.close-ok");
  await waitFor(async () => {
    const { queues } = await engine.report();
    return queues.find(({ name }) => name === "new")?.messageCount === 100;
  });
});

test("thousands of declarations at once are answered in the order of their channels", async () => {
  const { open } = await startBed();
  const client = await twoChannels(open);
  const count = 5_000;
  for (let index = 0; index < count; index += 1)
    client.frames.method(1 + (index % 2), declare(`q${Math.floor(index / 2) % 50}`));
  client.frames.flush();
  const answered: Record<number, string[]> = { 1: [], 2: [] };
  for (let index = 0; index < count; index += 1) {
    const { channel, method } = await client.next();
    expect(method.name).toBe("queue.declare-ok");
    answered[channel]?.push("queue" in method ? method.queue : "");
  }
  const expected = Array.from({ length: count / 2 }, (_, index) => `q${index % 50}`);
  expect(answered).toEqual({ 1: expected, 2: expected });
});

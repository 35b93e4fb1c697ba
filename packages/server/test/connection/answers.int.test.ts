import { expect, test } from "vitest";
import { startBed } from "../support/server-bed.ts";

test("what was published is there for who asks about the queue afterwards, also on another connection", async () => {
  const bed = await startBed();
  const channel = await (await bed.connect()).createChannel();
  const asking = await (await bed.connect()).createChannel();
  const bulk = Buffer.alloc(100_000); // Takes the disk a while.
  const publish = async (): Promise<void> => {
    channel.sendToQueue("q", bulk, { persistent: true });
    await channel.prefetch(0); // Answered at once: the message has arrived.
  };
  await channel.assertQueue("q");
  for (let round = 0; round < 10; round += 1) {
    await publish();
    expect(await asking.checkQueue("q")).toMatchObject({ messageCount: 1 });
    await publish();
    expect(await asking.get("q", { noAck: true })).toMatchObject({ fields: { messageCount: 1 } });
    await publish();
    expect(await asking.purgeQueue("q")).toEqual({ messageCount: 2 });
  }
  await publish();
  expect(await asking.deleteQueue("q")).toEqual({ messageCount: 1 });
});

test("who deletes a queue gets the answer before its own consumer is told that the queue went", async () => {
  const bed = await startBed();
  const client = await bed.open({ capabilities: { consumer_cancel_notify: true } });
  const flags = { passive: false, durable: true, exclusive: false, autoDelete: false, nowait: false };
  client.send(1, { name: "queue.declare", queue: "q", ...flags, arguments: {} });
  await client.expect("queue.declare-ok");
  const consumer = { queue: "q", consumerTag: "c", noLocal: false, noAck: true, exclusive: false };
  client.send(1, { name: "basic.consume", ...consumer, nowait: false, arguments: {} });
  await client.expect("basic.consume-ok");
  client.send(1, { name: "queue.delete", queue: "q", ifUnused: false, ifEmpty: false, nowait: false });
  await client.expect("queue.delete-ok");
  expect(await client.expect("basic.cancel")).toMatchObject({ consumerTag: "c" });
});

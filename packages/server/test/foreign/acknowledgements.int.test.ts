import { connect, type Channel, type ChannelModel, type GetMessage } from "amqplib";
import { waitFor } from "@waybill/services";
import { afterAll, beforeAll, expect, test } from "vitest";
import { testBroker } from "../support/broker-target.ts";

const target = testBroker();
let model: ChannelModel;
beforeAll(async () => {
  model = await connect(target.broker.url);
});
afterAll(() => model.close());

/** A delivery as amqplib's `ack` takes it, whether there was one or not. */
function tagged(deliveryTag: number): GetMessage {
  return { fields: { deliveryTag } } as GetMessage;
}

const ack = (channel: Channel, tag: number, multiple = false): void => channel.ack(tagged(tag), multiple);
const drop = (channel: Channel, tag: number): void => channel.nack(tagged(tag), true, false);
const giveBack = (channel: Channel, tag: number): void => channel.nack(tagged(tag), true, true);

type Does = (channel: Channel) => void;

/** What a client does that holds deliveries 1 to 5, and the tag that is unknown then. */
const refused: Record<string, readonly [Does, number]> = {
  "one tag twice": [(c) => (ack(c, 1), ack(c, 1)), 1],
  "all up to a tag twice": [(c) => (ack(c, 3, true), ack(c, 3, true)), 3],
  "all up to a tag, then up to one before it": [(c) => (ack(c, 3, true), ack(c, 2, true)), 2],
  "all up to a tag that was settled by itself": [(c) => (ack(c, 3), ack(c, 3, true)), 3],
  "all up to the last one twice": [(c) => (ack(c, 5, true), ack(c, 5, true)), 5],
  "all up to a tag that was never given": [(c) => ack(c, 6, true), 6],
  "tag 0 by itself": [(c) => ack(c, 0), 0],
  "all up to a tag dropped twice": [(c) => (drop(c, 3), drop(c, 3)), 3],
  "all up to a tag given back, then up to one before it": [(c) => (giveBack(c, 3), giveBack(c, 2)), 2],
};

/** The same, and how many it still holds then. */
const taken: Record<string, readonly [Does, number]> = {
  "all up to a tag behind one that was settled": [(c) => (ack(c, 2), ack(c, 3, true)), 2],
  "everything, twice": [(c) => (c.ackAll(), c.ackAll()), 0],
  "everything dropped, twice": [(c) => (c.nackAll(false), c.nackAll(false)), 0],
};

async function holdingFive(queue: string): Promise<{ channel: Channel; errors: string[] }> {
  const channel = await model.createConfirmChannel();
  const errors: string[] = [];
  channel.on("error", (error: Error) => errors.push(error.message));
  await channel.assertQueue(queue, { durable: true });
  for (let index = 0; index < 5; index += 1) channel.sendToQueue(queue, Buffer.from(`${index}`));
  await channel.waitForConfirms();
  for (let index = 0; index < 5; index += 1) expect(await channel.get(queue)).not.toBe(false);
  return { channel, errors };
}

test.each(Object.entries(refused))("%s is refused", async (name, [does, tag]) => {
  const { channel, errors } = await holdingFive(`settled: ${name}`);
  does(channel);
  await waitFor(() => errors.length > 0);
  expect(errors).toEqual([expect.stringContaining(`PRECONDITION_FAILED - unknown delivery tag ${tag}`)]);
});

test.each(Object.entries(taken))("%s is taken", async (name, [does, held]) => {
  const queue = `settled: ${name}`;
  const { channel, errors } = await holdingFive(queue);
  does(channel);
  await channel.close();
  expect(errors).toEqual([]);
  const other = await model.createChannel();
  await waitFor(async () => (await other.checkQueue(queue)).messageCount === held);
  await other.close();
});

import { connect, type Channel, type ChannelModel } from "amqplib";
import { setImmediate as turn } from "node:timers/promises";
import { waitFor } from "@waybill/services";
import { bodyOf, lostOf, noteDelivery, type QueueLedger, type StreamLedger } from "./ledger.ts";

/** Messages of one publisher that wait for their confirm. */
const WINDOW = 100;
const PREFETCH = 40;
/** Acknowledged at once or in groups, in turns. */
const ACK_EVERY = 7;
const EXCHANGE = "kill-loop";

/** Clients of one life of the broker. They end with their connections. */
export interface Load {
  /** Resolves when a message of every stream was confirmed in this life. */
  confirmedEach(): Promise<void>;
  /** Publishes no more. */
  stop(): void;
  close(): Promise<void>;
}

export async function startLoad(url: string, queues: readonly QueueLedger[]): Promise<Load> {
  const streams = [...new Set(queues.map(({ stream }) => stream))];
  const [publishing, consuming] = await Promise.all([open(url), open(url)]);
  await declare(publishing, queues);
  await Promise.all(queues.map((queue) => consume(consuming, queue)));
  const state = { isOpen: true };
  const stop = (): void => void (state.isOpen = false);
  publishing.on("close", stop);
  const confirmed = new Set<StreamLedger>();
  const publishers = streams.map((stream) => publish(publishing, stream, state, () => confirmed.add(stream)));
  const ended = Promise.allSettled(publishers);
  return {
    confirmedEach: async () =>
      void (await waitFor(() => confirmed.size === streams.length, {
        describe: "a confirm on every stream",
      })),
    stop,
    async close() {
      stop();
      await Promise.all([close(publishing), close(consuming)]);
      await ended;
    },
  };
}

/** Waits until every queue is empty and has given everything that was confirmed; false when that does not come. */
export async function drain(
  url: string,
  queues: readonly QueueLedger[],
  deadlineMs: number,
): Promise<boolean> {
  const client = await open(url);
  const asking = await open(url);
  const channel = await asking.createChannel();
  await declare(asking, queues); // The first life may have ended before that.
  await Promise.all(queues.map((queue) => consume(client, queue)));
  const isEmpty = async (queue: QueueLedger): Promise<boolean> =>
    (await channel.checkQueue(queue.name)).messageCount === 0;
  const isDrained = async (): Promise<boolean> =>
    queues.every((queue) => lostOf(queue).length === 0) &&
    (await Promise.all(queues.map(isEmpty))).every(Boolean);
  const drained = await waitFor(isDrained, { deadlineMs, intervalMs: 100 }).catch(() => false);
  await Promise.all([close(client), close(asking)]);
  return drained;
}

async function open(url: string): Promise<ChannelModel> {
  const client = await connect(url);
  client.on("error", () => {}); // The kill: "close" follows.
  return client;
}

/** Also when the broker ends meanwhile: amqplib answers `close` only to the broker's own answer. */
async function close(client: ChannelModel): Promise<void> {
  const closed = new Promise((resolve) => client.once("close", resolve));
  await Promise.race([closed, client.close().catch(() => {})]);
}

async function declare(client: ChannelModel, queues: readonly QueueLedger[]): Promise<void> {
  const channel = await client.createChannel();
  await channel.assertExchange(EXCHANGE, "direct", { durable: true });
  for (const { name, stream } of queues) {
    await channel.assertQueue(name, { durable: true });
    await channel.bindQueue(name, EXCHANGE, stream.name);
  }
  await channel.close();
}

async function publish(
  client: ChannelModel,
  stream: StreamLedger,
  state: { readonly isOpen: boolean },
  onConfirm: () => void,
): Promise<void> {
  const channel = await client.createConfirmChannel();
  let waiting = 0;
  while (state.isOpen) {
    if (waiting >= WINDOW) {
      await turn();
      continue;
    }
    const number = stream.published;
    stream.published += 1;
    waiting += 1;
    const body = bodyOf(stream.name, number);
    channel.publish(EXCHANGE, stream.name, body, { persistent: true }, (error: unknown) => {
      waiting -= 1;
      if (error) return;
      stream.confirmed.add(number);
      onConfirm();
    });
  }
}

async function consume(client: ChannelModel, queue: QueueLedger): Promise<void> {
  const channel: Channel = await client.createChannel();
  await channel.prefetch(PREFETCH);
  queue.last = -1;
  let unacknowledged = 0;
  await channel.consume(queue.name, (message) => {
    if (message === null) return;
    noteDelivery(queue, message.content);
    unacknowledged += 1;
    const isGroup = queue.delivered.size % 1_000 < 500;
    if (isGroup && unacknowledged < ACK_EVERY && queue.delivered.size < queue.stream.published) return;
    unacknowledged = 0;
    try {
      channel.ack(message, true);
    } catch {
      // The kill came before this.
    }
  });
}

import type { Channel, ChannelModel, ConsumeMessage, Message } from "amqplib";
import { closeChannel } from "../connection/close-channel.ts";
import { Acknowledgements } from "./acknowledgements.ts";
import type { DeliverySource } from "./lane.ts";

/** AMQP counts it in 16 bits. */
const PREFETCH_MAX = 65_535;

export interface QueueConsumerListener {
  received(source: DeliverySource, tag: number, message: ConsumeMessage): void;
  /** The channel is gone, and the server has taken back what was not acknowledged. */
  lost(source: DeliverySource, error: Error): void;
}

/**
 * One consumer on one queue with a channel of its own, until the channel ends. While it has messages, the server gives
 * later ones of the queue to nobody else: it is left only by closing the channel, which returns the messages to their
 * old places first.
 */
export class QueueConsumer implements DeliverySource {
  readonly #channel: Channel;
  readonly #listener: QueueConsumerListener;
  readonly #acknowledgements = new Acknowledgements();
  #error: Error | null = null;
  #open = true;

  private constructor(channel: Channel, listener: QueueConsumerListener) {
    this.#channel = channel;
    this.#listener = listener;
    channel.on("error", (error) => (this.#error = error));
    channel.on("close", () => this.#end(this.#error ?? new Error("the channel was closed")));
  }

  static async start(
    model: ChannelModel,
    queue: string,
    prefetch: number,
    listener: QueueConsumerListener,
  ): Promise<QueueConsumer> {
    const channel = await model.createChannel();
    const consumer = new QueueConsumer(channel, listener);
    try {
      await channel.prefetch(Math.min(prefetch, PREFETCH_MAX));
      await channel.consume(queue, (message) => consumer.#receive(message));
    } catch (error) {
      await consumer.close();
      throw error;
    }
    // Its end may have come together with its beginning.
    if (!consumer.#open) throw consumer.#error ?? new Error("the consumer ended at once");
    return consumer;
  }

  acknowledge(tag: number): void {
    if (this.#acknowledgements.applied(tag)) setImmediate(() => this.#flush());
  }

  /** Acknowledges what was applied and gives the rest back, in its old order. */
  async close(): Promise<void> {
    if (!this.#open) return;
    this.#flush();
    this.#open = false;
    try {
      // A quorum queue may ignore acknowledgements of the last moment (rabbitmq-server #10327): let it catch up.
      await this.#channel.prefetch(1);
      await closeChannel(this.#channel);
    } catch {
      // It was closed before.
    }
  }

  #receive(message: ConsumeMessage | null): void {
    if (!this.#open) return;
    if (message === null) {
      this.#end(new Error("the server cancelled the consumer"));
      void closeChannel(this.#channel);
      return;
    }
    const tag = message.fields.deliveryTag;
    this.#acknowledgements.delivered(tag);
    this.#listener.received(this, tag, message);
  }

  #flush(): void {
    if (!this.#open) return;
    const { upTo, single } = this.#acknowledgements.take();
    try {
      if (upTo > 0) this.#channel.ack(taggedWith(upTo), true);
      for (const tag of single) this.#channel.ack(taggedWith(tag));
    } catch {
      // The channel is closing; what was not acknowledged comes again, and the inbox knows it.
    }
  }

  #end(error: Error): void {
    if (!this.#open) return;
    this.#open = false;
    this.#listener.lost(this, error);
  }
}

/** amqplib reads nothing of a message but its tag when it acknowledges. */
function taggedWith(deliveryTag: number): Message {
  return { fields: { deliveryTag } } as Message;
}

import type { ChannelModel, ConfirmChannel } from "amqplib";
import { asError } from "../connection/unavailable.ts";
import type { Flight } from "./batch.ts";
import { isClosing } from "./message-sender.ts";
import { nacked, unencodable } from "./refusals.ts";
import type { EnvelopeSender, Returned, Traffic } from "./traffic.ts";
import { Window } from "./window.ts";

/** Payload bytes that may be unconfirmed at once: they are in memory until they are. */
const WINDOW_BYTES_MAX = 64 * 1024 * 1024;

export interface PublishChannelListener {
  /** The server refused the message: whether that is final. */
  refuses(flight: Flight): boolean;
  /** Messages were confirmed or refused: there may be room again. */
  settled(channel: PublishChannel): void;
  /** The channel is closed; `unconfirmed` may or may not have arrived. */
  closed(channel: PublishChannel, unconfirmed: readonly Flight[], error: Error): void;
}

/**
 * One confirm channel and what is unconfirmed on it. A message that was returned as unroutable is confirmed right
 * after by the server, and is rejected all the same.
 *
 * After a nack the channel takes nothing more: where a quorum queue lost its leader, it may go on to answer nothing
 * but nacks, while another channel publishes well.
 */
export class PublishChannel {
  readonly #channel: ConfirmChannel;
  readonly #traffic: Traffic;
  readonly #sender: EnvelopeSender;
  readonly #messagesMax: number;
  readonly #listener: PublishChannelListener;
  readonly #window = new Window<Flight>();
  readonly #again: Flight[] = [];
  #bytes = 0;
  #error: Error | null = null;
  #left = false;

  private constructor(
    channel: ConfirmChannel,
    traffic: Traffic,
    messagesMax: number,
    listener: PublishChannelListener,
  ) {
    this.#channel = channel;
    this.#traffic = traffic;
    this.#sender = traffic.senderOn(channel);
    this.#messagesMax = messagesMax;
    this.#listener = listener;
    channel.on("error", (error) => (this.#error = error));
    channel.on("close", () => this.#closed());
    channel.on("return", (returned) => this.#returned(returned));
    channel.on("ack", ({ deliveryTag, multiple }) => this.#answered(deliveryTag, multiple, true));
    channel.on("nack", ({ deliveryTag, multiple }) => this.#answered(deliveryTag, multiple, false));
  }

  static async open(
    model: ChannelModel,
    traffic: Traffic,
    options: { readonly confirmWindow: number },
    listener: PublishChannelListener,
  ): Promise<PublishChannel> {
    const channel = await model.createConfirmChannel();
    return new PublishChannel(channel, traffic, options.confirmWindow, listener);
  }

  get isIdle(): boolean {
    return this.#window.size === 0;
  }

  /** Whether another message may be published now. */
  get hasRoom(): boolean {
    const { size } = this.#window;
    if (this.#left || this.#again.length > 0) return false;
    return size < this.#messagesMax && (this.#bytes < WINDOW_BYTES_MAX || size === 0);
  }

  /** Whether so much has been confirmed that it pays to publish on: messages leave together then. */
  get hasMuchRoom(): boolean {
    return this.#window.size <= this.#messagesMax / 2 && this.hasRoom;
  }

  /** The messages to publish again on another channel, once nothing more is unconfirmed on this one; else `null`. */
  get spent(): readonly Flight[] | null {
    return this.#again.length > 0 && this.#window.size === 0 ? this.#again : null;
  }

  /** Adds a message to those that leave with `flush`. One that cannot be encoded is rejected; nothing is thrown. */
  publish(flight: Flight): void {
    const { envelope } = flight;
    try {
      this.#sender.send(envelope);
    } catch (error) {
      flight.settle(
        isClosing(error) ? { kind: "unknown", error: asError(error) } : unencodable(envelope, error),
      );
      return;
    }
    this.#window.push(flight);
    this.#bytes += flight.bytes;
  }

  /** Messages leave together: nothing is sent before this, unless it fills a large piece of memory. */
  flush(): void {
    if (!this.#left) this.#sender.flush();
  }

  /** Forgets the channel and closes it. Answers what is unconfirmed or was to be published again. */
  leave(): readonly Flight[] {
    if (this.#left) return [];
    this.#left = true;
    void Promise.resolve()
      .then(() => this.#channel.close())
      .catch(() => {});
    return [...this.#window.takeUpTo(Number.MAX_SAFE_INTEGER), ...this.#again];
  }

  #returned(returned: Returned): void {
    const flight = this.#window.find(
      (one) => !one.returned && this.#traffic.isReturned(one.envelope, returned),
    );
    if (flight !== null) flight.returned = true;
  }

  #answered(tag: number, multiple: boolean, confirmed: boolean): void {
    if (this.#left) return;
    if (multiple) {
      for (const flight of this.#window.takeUpTo(tag)) this.#settle(flight, confirmed);
    } else {
      const flight = this.#window.take(tag);
      if (flight !== null) this.#settle(flight, confirmed);
    }
    this.#listener.settled(this);
  }

  #settle(flight: Flight, confirmed: boolean): void {
    this.#bytes -= flight.bytes;
    if (flight.returned) flight.settle(this.#traffic.unroutable(flight.envelope));
    else if (confirmed) flight.confirm();
    else if (this.#listener.refuses(flight)) flight.settle(nacked(flight.envelope));
    else this.#again.push(flight);
  }

  #closed(): void {
    if (this.#left) return;
    this.#left = true;
    const unconfirmed = [...this.#window.takeUpTo(Number.MAX_SAFE_INTEGER), ...this.#again];
    this.#listener.closed(this, unconfirmed, this.#error ?? new Error("the channel was closed"));
  }
}

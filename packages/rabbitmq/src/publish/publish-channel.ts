import type { ChannelModel, ConfirmChannel } from "amqplib";
import type { PublishResult } from "@waybill/core";
import { asError } from "../connection/unavailable.ts";
import { ChannelFence } from "../fencing/channel-fence.ts";
import { RETURNED } from "../fencing/fence-message.ts";
import { HELD } from "../fencing/refused-orders.ts";
import type { Flight } from "./batch.ts";
import { isClosing } from "./message-sender.ts";
import { fenced, nacked, unencodable } from "./refusals.ts";
import type { EnvelopeSender, Returned, Traffic } from "./traffic.ts";
import { Window } from "./window.ts";

/** Payload bytes that may be unconfirmed at once: they are in memory until they are. */
const WINDOW_BYTES_MAX = 64 * 1024 * 1024;
const NO_ROUTE = 312;
/** The place of a fence message among those that are unconfirmed. */
const FENCE = Symbol("fence");

export interface PublishChannelOptions {
  readonly confirmWindow: number;
  /** The server fences, and recognises copies, of what is published to `exchange`. */
  readonly positions: boolean;
  readonly exchange: string;
}

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
 * After a nack the channel takes nothing more, unless the server fences and so means what it says: where a quorum queue
 * lost its leader, it may go on to answer nothing but nacks, while another channel publishes well.
 */
export class PublishChannel {
  readonly #channel: ConfirmChannel;
  readonly #traffic: Traffic;
  readonly #sender: EnvelopeSender;
  readonly #messagesMax: number;
  readonly #listener: PublishChannelListener;
  /** `null` on servers that cannot fence. */
  readonly #fence: ChannelFence | null;
  readonly #window = new Window<Flight | typeof FENCE>();
  readonly #again: Flight[] = [];
  #bytes = 0;
  #error: Error | null = null;
  #left = false;

  private constructor(
    channel: ConfirmChannel,
    traffic: Traffic,
    { confirmWindow, positions, exchange }: PublishChannelOptions,
    listener: PublishChannelListener,
  ) {
    this.#channel = channel;
    this.#traffic = traffic;
    this.#sender = traffic.senderOn(channel);
    this.#fence = positions ? new ChannelFence(channel, exchange) : null;
    this.#messagesMax = confirmWindow;
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
    options: PublishChannelOptions,
    listener: PublishChannelListener,
  ): Promise<PublishChannel> {
    const channel = await model.createConfirmChannel();
    return new PublishChannel(channel, traffic, options, listener);
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
      this.#sayFence(flight);
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
    return this.#unconfirmed();
  }

  #unconfirmed(): readonly Flight[] {
    const flights = this.#window.takeUpTo(Number.MAX_SAFE_INTEGER).filter((one) => one !== FENCE);
    return [...flights, ...this.#again];
  }

  #sayFence({ fence }: Flight): void {
    if (this.#fence?.mustSay(fence) !== true) return;
    this.#sender.flush();
    this.#fence.say(fence, this.#window.answeredTag);
    this.#window.push(FENCE);
  }

  #returned(returned: Returned): void {
    const flight = this.#window.find(
      (one) => one !== FENCE && one.returnedWith === null && this.#traffic.isReturned(one.envelope, returned),
    );
    if (flight === null || flight === FENCE) return;
    const { replyCode } = returned.fields as { readonly replyCode?: number };
    flight.returnedWith = replyCode ?? NO_ROUTE;
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

  #settle(flight: Flight | typeof FENCE, confirmed: boolean): void {
    if (flight === FENCE) {
      if (!confirmed) this.#fence?.forget();
      return;
    }
    this.#bytes -= flight.bytes;
    if (confirmed && flight.returnedWith === null) return flight.confirm();
    const refusal = this.#refusalOf(flight);
    if (refusal === null) return void this.#again.push(flight);
    this.#fence?.refused();
    flight.settle(refusal);
  }

  /** Why it was refused, `null` when it may be published again. */
  #refusalOf(flight: Flight): PublishResult | null {
    const { envelope, fence, returnedWith } = flight;
    // Only a server that was told of a fence gives messages back with these.
    if (this.#fence !== null && returnedWith === RETURNED.held) return HELD;
    if (this.#fence !== null && fence !== null && returnedWith === RETURNED.fenced)
      return { kind: "rejected", error: fenced(fence), retryable: false };
    if (returnedWith !== null) return this.#traffic.unroutable(envelope);
    return this.#fence !== null || this.#listener.refuses(flight) ? nacked(envelope) : null;
  }

  #closed(): void {
    if (this.#left) return;
    this.#left = true;
    this.#listener.closed(this, this.#unconfirmed(), this.#error ?? new Error("the channel was closed"));
  }
}

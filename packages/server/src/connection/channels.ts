import { decodeMethod, FrameType, type Method } from "@waybill/amqp";
import { Channel, Hold } from "../channel/channel.ts";
import type { ChannelHost } from "../channel/channel-host.ts";
import { handleMethod } from "../channel/handle-method.ts";
import type { Refusal } from "@waybill/broker/queues";
import { closeArguments, connectionError } from "../replies/closing-error.ts";
import type { Frame } from "./backlog.ts";

/** Work of a channel that is not finished; until it is, no further frame of this channel is handled. */
export interface Work {
  readonly done: Promise<void>;
  readonly channel: number;
  readonly method: Method["name"];
}

/** The channels of one open connection, and which frame goes to which. */
export class Channels {
  readonly #host: ChannelHost;
  readonly #channelMax: number;
  readonly #open = new Map<number, Channel>();
  /** Closed by the server; everything but the client's agreement is ignored. */
  readonly #closing = new Set<number>();
  /** The one the last frame was for. */
  #last: Channel | null = null;
  /** The method at fault when `handle` throws. */
  current: Method["name"] | null = null;

  constructor(host: ChannelHost, channelMax: number) {
    this.#host = host;
    this.#channelMax = channelMax;
  }

  /** Handles a frame for a channel other than 0. @throws Refusal or ProtocolError */
  handle(frame: Frame): Work | undefined {
    this.current = null;
    const channel = this.#find(frame.channel);
    if (channel === null) return this.#withoutChannel(frame);
    if (frame.type === FrameType.method) return this.#method(frame, channel);
    this.current = "basic.publish";
    if (frame.type === FrameType.header) channel.header(frame.bytes, frame.start, frame.end);
    else channel.body(frame.payload());
    return undefined;
  }

  /** Closes one channel for what went wrong on it. */
  refuse(number: number, refusal: Refusal, method: Method["name"] | null): void {
    const { output } = this.#host;
    this.#remove(number);
    this.#closing.add(number);
    output.frames.method(number, { name: "channel.close", ...closeArguments(refusal, method) });
    output.soon();
  }

  hold(): void {
    for (const channel of this.#open.values()) channel.hold(Hold.output);
  }

  release(): void {
    for (const channel of this.#open.values()) channel.release(Hold.output);
  }

  /** Ends all of them; nothing is sent. */
  close(): void {
    for (const number of this.#open.keys()) this.#remove(number);
  }

  #find(number: number): Channel | null {
    const last = this.#last;
    if (last !== null && last.number === number) return last;
    const channel = this.#open.get(number) ?? null;
    this.#last = channel;
    return channel;
  }

  #method(frame: Frame, channel: Channel): Work | undefined {
    const method = decodeMethod(frame.bytes, frame.start, frame.end);
    this.current = method.name;
    channel.mustBeIdle();
    if (method.name === "channel.close") return this.#closedByClient(frame.channel);
    const done = handleMethod(channel, method);
    return done === undefined ? undefined : { done, channel: frame.channel, method: method.name };
  }

  #withoutChannel(frame: Frame): undefined {
    const { channel: number } = frame;
    const isClosing = this.#closing.has(number);
    if (frame.type !== FrameType.method) {
      if (isClosing) return;
      throw connectionError(505, "expected method frame, got non method frame instead");
    }
    const method = decodeMethod(frame.bytes, frame.start, frame.end);
    this.current = method.name;
    // A client that closed the channel may still agree to what the server closed at the same time.
    if (method.name === "channel.close-ok") this.#closing.delete(number);
    else if (!isClosing) this.#begin(number, method);
    else if (method.name === "channel.close") this.#reply(number, { name: "channel.close-ok" });
  }

  #begin(number: number, method: Method): void {
    if (method.name !== "channel.open") throw connectionError(504, "expected 'channel.open'");
    if (number > this.#channelMax || this.#open.size >= this.#channelMax)
      throw connectionError(
        530,
        `number of channels opened (${this.#open.size}) has reached the negotiated channel_max (${this.#channelMax})`,
      );
    this.#open.set(number, new Channel(number, this.#host));
    this.#reply(number, { name: "channel.open-ok" });
  }

  #closedByClient(number: number): undefined {
    this.#remove(number);
    this.#reply(number, { name: "channel.close-ok" });
  }

  #remove(number: number): void {
    if (this.#last?.number === number) this.#last = null;
    this.#open.get(number)?.close();
    this.#open.delete(number);
  }

  #reply(number: number, method: Method): void {
    const { output } = this.#host;
    output.frames.method(number, method);
    output.soon();
  }
}

import type { ChannelModel } from "amqplib";
import type { Envelope, PublishOptions, PublishResult } from "@waybill/core";
import type { LinkUser } from "../connection/link.ts";
import { asError, unavailable } from "../connection/unavailable.ts";
import { within } from "../connection/within.ts";
import { notify } from "../events.ts";
import type { ResolvedRabbitmqBrokerOptions } from "../options/rabbitmq-broker-options.ts";
import { Batch, Flight } from "./batch.ts";
import { Patience } from "./patience.ts";
import type { PublishChannelListener } from "./publish-channel.ts";
import { PublishChannel } from "./publish-channel.ts";
import { sizeLimitIn, tooLarge } from "./refusals.ts";
import type { Traffic } from "./traffic.ts";

/** What the publisher wants of its connection. */
export interface PublishLink {
  blockedBy(): string | null;
  replace(error: Error): void;
}

/**
 * Publishes over one connection: in the order of the calls, pipelined up to the confirm window. A channel that fails is
 * replaced, and with it everything that waits becomes unknown: what comes later must not overtake what was lost.
 */
export class Publisher implements LinkUser, PublishChannelListener {
  readonly #options: ResolvedRabbitmqBrokerOptions;
  readonly #traffic: Traffic;
  readonly #link: PublishLink;
  #model: ChannelModel | null = null;
  #channel: PublishChannel | null = null;
  /** Not sent yet, in order, from `#next` on. */
  #waiting: Flight[] = [];
  #next = 0;
  /** How many of the next messages leave alone, because one of them made the server close a channel. */
  #suspects = 0;
  #payloadBytesMax: number;
  readonly #patience: Patience;

  constructor(options: ResolvedRabbitmqBrokerOptions, traffic: Traffic, link: PublishLink) {
    this.#options = options;
    this.#traffic = traffic;
    this.#link = link;
    this.#payloadBytesMax = options.payloadBytesMax;
    this.#patience = new Patience(options.clock);
  }

  async restore(model: ChannelModel): Promise<void> {
    this.#model = model;
    await this.#traffic.prepare(model);
    await this.#openChannel(model);
  }

  lost(error: Error): void {
    this.#model = null;
    const channel = this.#channel;
    this.#channel = null;
    this.#giveUp(channel?.leave() ?? [], error);
  }

  publish(
    batch: readonly Envelope[],
    { fence, timeoutMs }: PublishOptions,
  ): Promise<readonly PublishResult[]> {
    const blockedBy = this.#link.blockedBy();
    if (this.#model === null || blockedBy !== null) {
      const error = unavailable(
        blockedBy === null ? "there is no connection." : `it is blocked: ${blockedBy}.`,
      );
      return Promise.resolve(batch.map(() => ({ kind: "unknown", error })));
    }
    const call = new Batch(batch.length, { fence, isOrdered: this.#options.positions });
    for (const [index, envelope] of batch.entries()) {
      const flight = new Flight(envelope, call, index);
      const isTooLarge = flight.bytes > this.#payloadBytesMax;
      const refusal = flight.behind ?? (isTooLarge ? tooLarge(envelope, this.#payloadBytesMax) : null);
      if (refusal === null) this.#waiting.push(flight);
      else flight.settle(refusal);
    }
    this.#pump();
    const cancel = this.#options.clock.after(timeoutMs, () => this.#expired(call, timeoutMs));
    return call.results.finally(cancel);
  }

  refuses(flight: Flight): boolean {
    return this.#patience.isOver(flight);
  }

  settled(channel: PublishChannel): void {
    if (channel !== this.#channel) return;
    if (channel.spent !== null) void this.#renew(channel.spent);
    else if (this.#next < this.#waiting.length && channel.hasMuchRoom) this.#pump();
  }

  closed(channel: PublishChannel, unconfirmed: readonly Flight[], error: Error): void {
    if (channel !== this.#channel) return;
    this.#channel = null;
    const limit = sizeLimitIn(error);
    if (limit !== null) {
      this.#payloadBytesMax = limit;
      for (const flight of unconfirmed)
        if (flight.bytes > limit) flight.settle(tooLarge(flight.envelope, limit));
    }
    const blame = this.#traffic.blame(unconfirmed, error);
    if (blame === null) {
      this.#giveUp(unconfirmed, error);
      void this.#reopen(error);
      return;
    }
    for (const flight of blame.guilty) flight.settle(flight.behind ?? blame.result);
    const again = unconfirmed.filter((flight) => !flight.isSettled);
    if (blame.guilty.length === 0) this.#suspects = again.length;
    this.#putBack(again);
    void this.#replaceChannel(error, (model) => this.#openChannel(model));
  }

  #pump(): void {
    const channel = this.#channel;
    if (channel === null) return;
    while (this.#next < this.#waiting.length && channel.hasRoom) {
      if (this.#suspects > 0 && !channel.isIdle) break;
      const flight = this.#waiting[this.#next];
      this.#next += 1;
      this.#suspects = Math.max(0, this.#suspects - 1);
      if (flight === undefined || flight.isSettled) continue;
      const { behind } = flight;
      if (behind === null) channel.publish(flight);
      else flight.settle(behind);
    }
    channel.flush();
    if (this.#next < this.#waiting.length && this.#next < 10_000) return;
    this.#waiting.splice(0, this.#next);
    this.#next = 0;
  }

  /** The server answers no more, or too slowly to tell the difference. While it says that it is blocked, it lives. */
  #expired(call: Batch, timeoutMs: number): void {
    const blockedBy = this.#link.blockedBy();
    const why = blockedBy === null ? "" : `: it is blocked (${blockedBy})`;
    const error = unavailable(`no confirm within ${timeoutMs} ms${why}.`);
    call.settleRest({ kind: "unknown", error });
    if (blockedBy === null) this.#link.replace(error);
  }

  #giveUp(unconfirmed: readonly Flight[], cause: Error): void {
    const error = unavailable(`the confirm was lost: ${cause.message}`, cause);
    for (const flight of unconfirmed) flight.settle({ kind: "unknown", error });
    for (const flight of this.#waiting.splice(0)) flight.settle({ kind: "unknown", error });
    this.#next = 0;
    this.#suspects = 0;
  }

  /** Before everything that waits. */
  #putBack(again: readonly Flight[]): void {
    this.#waiting.splice(0, this.#next, ...again);
    this.#next = 0;
  }

  /** Another channel for what was refused and what waits. */
  async #renew(again: readonly Flight[]): Promise<void> {
    this.#channel?.leave();
    this.#channel = null;
    this.#putBack(again);
    const pauseMs = this.#patience.pauseMs(again);
    await this.#replaceChannel(new Error("the server refused messages"), async (model) => {
      await this.#options.clock.sleep(pauseMs);
      await this.#openChannel(model);
    });
  }

  /** Another channel after the server closed one, for a missing exchange for instance. */
  async #reopen(error: Error): Promise<void> {
    await this.#replaceChannel(error, async (model) => {
      await this.#traffic.prepare(model);
      await this.#openChannel(model);
    });
  }

  async #replaceChannel(reason: Error, open: (model: ChannelModel) => Promise<void>): Promise<void> {
    const model = this.#model;
    // When the whole connection is closing, this is known only after its channels were told.
    await Promise.resolve();
    if (model === null || model !== this.#model) return;
    const { onEvent, requestTimeoutMs, clock } = this.#options;
    notify(onEvent, { type: "rabbitmq.channel-replaced", level: "warn", error: reason });
    try {
      await within(open(model), requestTimeoutMs, "no new channel", clock);
    } catch (error) {
      if (model === this.#model) this.#link.replace(asError(error));
    }
  }

  async #openChannel(model: ChannelModel): Promise<void> {
    const channel = await PublishChannel.open(model, this.#traffic, this.#options, this);
    if (model !== this.#model) return;
    this.#channel = channel;
    this.#pump();
  }
}

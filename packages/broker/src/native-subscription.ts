import type { Clock, SubscribeOptions, Subscription } from "@waybill/core";
import { settledWithin } from "@waybill/core/internal";
import type { Engine } from "./engine/engine.ts";
import type { GroupQueue } from "./groups/group-queue.ts";
import type { DeliveryHandler } from "./groups/member.ts";
import { Member } from "./groups/member.ts";

const CLOSE_DEADLINE_MS = 10_000;

/** One subscription of a user. It outlives the engine: after a failure it joins the next one. */
export class NativeSubscription implements Subscription {
  readonly #options: SubscribeOptions;
  readonly #onDelivery: DeliveryHandler;
  readonly #clock: Clock;
  readonly #onClosed: (subscription: NativeSubscription) => void;
  #place: { readonly member: Member; readonly group: GroupQueue } | null = null;
  #paused = false;
  #closing: Promise<void> | null = null;

  constructor(
    options: SubscribeOptions,
    parts: {
      onDelivery: DeliveryHandler;
      clock: Clock;
      onClosed: (subscription: NativeSubscription) => void;
    },
  ) {
    this.#options = options;
    this.#onDelivery = parts.onDelivery;
    this.#clock = parts.clock;
    this.#onClosed = parts.onClosed;
  }

  async join(engine: Engine): Promise<void> {
    const { group: name, topics } = this.#options;
    await engine.declareGroup(name, topics);
    const group = engine.group(name);
    if (group === undefined || this.#closing !== null) return;
    const member = new Member(this.#options, this.#onDelivery);
    member.paused = this.#paused;
    this.#place = { member, group };
    group.join(member);
  }

  /** The engine is gone, and everything in flight with it. */
  detach(): void {
    this.#place = null;
  }

  pause(): void {
    this.#paused = true;
    if (this.#place !== null) this.#place.member.paused = true;
  }

  resume(): void {
    this.#paused = false;
    if (this.#place === null) return;
    this.#place.member.paused = false;
    this.#place.group.pump(this.#place.member);
  }

  close(options: { readonly deadlineMs: number } = { deadlineMs: CLOSE_DEADLINE_MS }): Promise<void> {
    this.#closing ??= this.#close(options.deadlineMs);
    return this.#closing;
  }

  async #close(deadlineMs: number): Promise<void> {
    const place = this.#place;
    if (place !== null) {
      const { member, group } = place;
      group.leave(member);
      if (member.inFlight.size > 0) {
        const { promise, resolve } = Promise.withResolvers<void>();
        member.onIdle = resolve;
        await settledWithin(promise, deadlineMs, this.#clock);
      }
      group.takeBack(member);
    }
    this.#place = null;
    this.#onClosed(this);
  }
}

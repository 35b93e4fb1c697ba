import type { Consumer } from "../queue/consumer.ts";
import type { Held } from "../queue/held.ts";
import type { Queue } from "../queue/queue.ts";

/** What a subscription needs from its session. */
export interface SubscriptionOwner {
  /** Whether the session as a whole may be given another message. */
  readonly hasRoom: boolean;
  deliver(subscription: Subscription, held: Held): void;
  cancelled(subscription: Subscription): void;
}

/** One consumer of a session. */
export class Subscription implements Consumer {
  readonly tag: string;
  readonly queue: Queue;
  readonly noAck: boolean;
  readonly isExclusive: boolean;
  readonly priority: number;
  unsettled = 0;
  readonly #owner: SubscriptionOwner;
  /** Most that may be unsettled; 0: no limit. */
  readonly #prefetch: number;

  constructor(
    owner: SubscriptionOwner,
    queue: Queue,
    spec: { tag: string; noAck: boolean; isExclusive: boolean; priority: number; prefetch: number },
  ) {
    this.#owner = owner;
    this.queue = queue;
    this.tag = spec.tag;
    this.noAck = spec.noAck;
    this.isExclusive = spec.isExclusive;
    this.priority = spec.priority;
    this.#prefetch = spec.noAck ? 0 : spec.prefetch;
  }

  get hasRoom(): boolean {
    return (this.#prefetch === 0 || this.unsettled < this.#prefetch) && this.#owner.hasRoom;
  }

  deliver(held: Held): void {
    this.#owner.deliver(this, held);
  }

  cancelled(): void {
    this.#owner.cancelled(this);
  }
}

import type { Clock, Delivery, Verdict } from "@waybill/core";
import type { Entry, Lane } from "./lane.ts";

export type DeliveryHandler = (delivery: Delivery) => Promise<Verdict>;

export interface DispatcherParts {
  readonly prefetch: number;
  readonly clock: Clock;
  readonly onDelivery: DeliveryHandler;
  /** Whether messages may be handed out now: the partitions are surely ours. */
  readonly mayDeliver: () => boolean;
  /** A message was applied. */
  readonly onApplied: () => void;
  /** The lane's next message lies beyond its horizon: nothing is handed out until that was moved. */
  readonly onHorizon: () => void;
  /** The lane has room again. */
  readonly onRoom: (lane: Lane) => void;
}

const RETURN_PAUSE_MAX_MS = 1_000;

/**
 * Hands out the messages of the lanes of one member, started in the order of each lane, up to `prefetch` at once. A
 * message that comes back stops its lane until it was handed out again.
 */
export class Dispatcher {
  readonly #parts: DispatcherParts;
  #lanes: Lane[] = [];
  #turn = 0;
  #inFlight = 0;
  #isPumping = false;
  #onIdle: (() => void)[] = [];

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
  }

  get lanes(): readonly Lane[] {
    return this.#lanes;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  assign(lanes: readonly Lane[]): void {
    this.release();
    this.#lanes = [...lanes];
  }

  /** Lets go of all lanes. Answers how many deliveries were under way: their verdicts count for nothing. */
  release(): number {
    const released = this.#inFlight;
    for (const lane of this.#lanes) lane.isReleased = true;
    this.#lanes = [];
    this.#inFlight = 0;
    this.#idle();
    return released;
  }

  /** Resolves when nothing is in flight. */
  idle(): Promise<void> {
    if (this.#inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  /** Hands out what may be handed out. */
  pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    let idleLanes = 0;
    while (
      idleLanes < this.#lanes.length &&
      this.#inFlight < this.#parts.prefetch &&
      this.#parts.mayDeliver()
    ) {
      this.#turn = (this.#turn + 1) % this.#lanes.length;
      const lane = this.#lanes[this.#turn];
      idleLanes = lane !== undefined && this.#handOutOne(lane) ? 0 : idleLanes + 1;
    }
    this.#isPumping = false;
  }

  #handOutOne(lane: Lane): boolean {
    const entry = lane.peek();
    if (entry === null) return false;
    if (entry.offset >= lane.horizon) {
      this.#parts.onHorizon();
      return false;
    }
    lane.take(entry);
    this.#inFlight += 1;
    if (lane.isFull) this.#parts.onRoom(lane);
    this.#deliver(lane, entry);
    return true;
  }

  #deliver(lane: Lane, entry: Entry): void {
    const settle = (isApplied: boolean): void => this.#settle(lane, entry, isApplied);
    const redelivered = entry.returns > 0 || entry.offset < lane.flagBelow;
    try {
      this.#parts.onDelivery({ envelope: entry.envelope, redelivered }).then(
        (verdict) => settle(verdict.kind === "ack"),
        () => settle(false),
      );
    } catch {
      // A handler that throws before its first await: the same as one that rejects, and never from inside `pump`.
      void Promise.resolve().then(() => settle(false));
    }
  }

  #settle(lane: Lane, entry: Entry, isApplied: boolean): void {
    if (lane.isReleased) return;
    lane.inFlight -= 1;
    this.#inFlight -= 1;
    if (isApplied) {
      lane.done(entry);
      this.#parts.onApplied();
    } else {
      this.#return(lane, entry);
    }
    this.pump();
    if (this.#inFlight === 0) this.#idle();
  }

  /** After a pause that grows: a handler that always returns must not burn a core. */
  #return(lane: Lane, entry: Entry): void {
    const pauseMs = Math.min(RETURN_PAUSE_MAX_MS, 2 ** Math.min(entry.returns, 10));
    entry.returns += 1;
    lane.putBack(entry);
    lane.pauses += 1;
    this.#parts.clock.after(pauseMs, () => {
      lane.pauses -= 1;
      this.pump();
    });
  }

  #idle(): void {
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }
}

import type { Clock } from "@waybill/core";
import type { Flight } from "./batch.ts";

/** Longer than a quorum queue takes to elect a leader. */
const PATIENCE_MS = 3_000;
/** As long as messages are refused for good, others that are refused need not prove it anew. */
const REFUSING_MS = 30_000;
const PAUSE_FIRST_MS = 10;
const PAUSE_MAX_MS = 500;

/**
 * Tells a queue that is full from one that elects its leader: AMQP has the same word for both, a nack. A message is
 * refused once it was nacked on several channels for a while. The first one of a full queue waits that long, and those
 * after it do not.
 */
export class Patience {
  readonly #clock: Clock;
  #refusedAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether the nack of this message is final. Its first one never is. */
  isOver(flight: Flight): boolean {
    const now = this.#clock.monotonicMs();
    const first = flight.nackedAt;
    flight.nackedAt ??= now;
    flight.nacks += 1;
    if (first === null) return false;
    const over = now - first >= PATIENCE_MS || now - this.#refusedAt < REFUSING_MS;
    if (over) this.#refusedAt = now;
    return over;
  }

  /** How long to wait before the next channel for messages that were nacked. */
  pauseMs(nacked: readonly Flight[]): number {
    const nacks = Math.max(...nacked.map((flight) => flight.nacks));
    return Math.min(PAUSE_MAX_MS, PAUSE_FIRST_MS * 2 ** Math.min(nacks, 10));
  }
}

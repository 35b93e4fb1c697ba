import { addresseeOf } from "../../message/addressee.ts";
import type { Envelope } from "../../message/envelope.ts";
import { RangeSet } from "../range-set.ts";

/** How many message ids are remembered beside the ranges of positions; the oldest go first. */
const IDS_MAX = 100_000;

/**
 * The positions that were stored, as ranges and never as a high-water mark: parked messages arrive late with lower
 * sequences. The newest message ids are kept too, so that a position that comes back with another id is noticed. A copy for
 * one group says nothing about what the others have, so it neither counts as stored nor is it refused as known.
 */
export class KnownPositions {
  readonly #lanes = new Map<string, RangeSet>();
  readonly #ids = new Map<string, string>();

  /** Whether this very message was stored: same position, same id as far as the id is remembered. */
  has(envelope: Envelope): boolean {
    const { position } = envelope;
    if (position === null || addresseeOf(envelope) !== null) return false;
    const lane = laneOf(envelope, position.incarnation);
    if (this.#lanes.get(lane)?.has(position.sequence) !== true) return false;
    const id = this.#ids.get(`${position.sequence} ${lane}`);
    return id === undefined || id === envelope.id;
  }

  add(envelope: Envelope): void {
    const { position } = envelope;
    if (position === null || addresseeOf(envelope) !== null) return;
    const lane = laneOf(envelope, position.incarnation);
    const ranges = this.#lanes.get(lane) ?? new RangeSet();
    this.#lanes.set(lane, ranges);
    ranges.add(position.sequence);
    this.#ids.set(`${position.sequence} ${lane}`, envelope.id);
    if (this.#ids.size <= IDS_MAX) return;
    for (const oldest of this.#ids.keys()) {
      this.#ids.delete(oldest);
      return;
    }
  }
}

function laneOf(envelope: Envelope, incarnation: string): string {
  return JSON.stringify([envelope.source, incarnation, envelope.topic, envelope.partition]);
}

import type { Fence } from "@waybill/core";

/** The highest epoch known of one incarnation of a source. */
export interface KnownEpoch extends Fence {
  /** An epoch of which the record is on disk, or -1. */
  readonly recorded: number;
}

type Known = { -readonly [Name in keyof KnownEpoch]: KnownEpoch[Name] };

/** Which epochs may still publish. Epochs only rise. */
export class Fences {
  readonly #known = new Map<string, Known>();

  get size(): number {
    return this.#known.size;
  }

  find({ source, incarnation }: Fence): KnownEpoch | undefined {
    return this.#known.get(keyOf(source, incarnation));
  }

  /** The highest epoch known for a source's incarnation, or -1. */
  epochOf(fence: Fence): number {
    return this.find(fence)?.epoch ?? -1;
  }

  /** Lower epochs may publish nothing more. What it answers rises with the epoch. */
  raise({ source, incarnation, epoch }: Fence): KnownEpoch {
    const key = keyOf(source, incarnation);
    const known = this.#known.get(key);
    if (known === undefined) {
      const added = { source, incarnation, epoch, recorded: -1 };
      this.#known.set(key, added);
      return added;
    }
    known.epoch = Math.max(known.epoch, epoch);
    return known;
  }

  /** This epoch would be known after a restart, too. */
  recorded({ source, incarnation, epoch }: Fence): void {
    const known = this.#known.get(keyOf(source, incarnation));
    if (known !== undefined) known.recorded = Math.max(known.recorded, epoch);
  }

  *[Symbol.iterator](): Generator<Fence> {
    for (const { source, incarnation, epoch } of this.#known.values()) yield { source, incarnation, epoch };
  }
}

function keyOf(source: string, incarnation: string): string {
  return `${source.length} ${source}${incarnation}`;
}

import { seededRandom } from "@waybill/services";

/** Chance that one seed repeats. */
export interface Seeded {
  /** In [0, 1). */
  fraction(): number;
  /** A whole number from 0 to `below - 1`. */
  below(below: number): number;
}

export function seeded(seed: number): Seeded {
  const fraction = seededRandom(seed);
  return { fraction, below: (below) => Math.floor(fraction() * below) };
}

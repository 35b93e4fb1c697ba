/** Chance that one seed repeats: a 32-bit generator (mulberry32). */
export interface Seeded {
  /** In [0, 1). */
  fraction(): number;
  /** A whole number from 0 to `below - 1`. */
  below(below: number): number;
}

export function seeded(seed: number): Seeded {
  let state = seed >>> 0;
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return { fraction, below: (below) => Math.floor(fraction() * below) };
}

/** Chance, behind a port so that one seed can drive a whole run. */
export interface Random {
  /** `count` bytes fit for identifiers. */
  bytes(count: number): Uint8Array;
  /** A number in [0, 1), for jitter. */
  fraction(): number;
}

/** What became of the messages of one group. */
export interface BridgeCounts {
  /** Deliveries from the source. One that came twice counts twice. */
  readonly read: number;
  /** Handed to the target at least once. */
  readonly published: number;
  /** Routed and durable at the target, and acknowledged at the source. */
  readonly confirmed: number;
  /** Refused by the target. They stay at the source. */
  readonly rejected: number;
  /** Not published, because a rejected one of their key comes before. They stay at the source. */
  readonly behind: number;
  /** Copies for other groups, left by an earlier move. Acknowledged and not published. */
  readonly notMeant: number;
}

export type MutableCounts = { -readonly [Name in keyof BridgeCounts]: number };

export function noCounts(): MutableCounts {
  return { read: 0, published: 0, confirmed: 0, rejected: 0, behind: 0, notMeant: 0 };
}

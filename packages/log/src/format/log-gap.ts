/**
 * Why offsets hold no record: `lost`, their records were damaged and given up by a repair; `dropped`, nobody wanted them
 * any more.
 */
export type GapReason = "lost" | "dropped";

/** Offsets from `fromOffset` to before `toOffset` that hold no record and never will. */
export interface LogGap {
  readonly fromOffset: number;
  readonly toOffset: number;
  readonly reason: GapReason;
}

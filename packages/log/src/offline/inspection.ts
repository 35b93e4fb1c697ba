import type { LogGap } from "../format/log-gap.ts";

/** What stands in one segment file. Bytes and positions count from the beginning of the file. */
export interface SegmentInspection {
  readonly file: string;
  /** The first offset that belongs here. */
  readonly baseOffset: number;
  /** Behind the last batch that can be read. */
  readonly endOffset: number;
  readonly fileBytes: number;
  /** Header and readable batches. */
  readonly usedBytes: number;
  /** Zeros behind the last batch, for batches to come. */
  readonly freeBytes: number;
  readonly batchCount: number;
  readonly recordCount: number;
  /** Milliseconds since the Unix epoch, `null` if the header cannot be read or there is no batch. */
  readonly createdAt: number | null;
  readonly lastAppendedAt: number | null;
}

/**
 * - `header`: a segment header is not what was written; the batches behind it may be readable.
 * - `batch`: bytes that should be batches are not.
 * - `missing`: records are not there, and no bytes where they should be.
 * - `misplaced`: a segment under a name that is not its own, or with records that another one holds as well.
 * - `unfinished`: a repair was cut off after it had prepared this file; the next one finishes it.
 */
export type DamageKind = "header" | "batch" | "missing" | "misplaced" | "unfinished";

/** One damaged place, and the records that cannot be read because of it. */
export interface LogDamage {
  readonly kind: DamageKind;
  readonly file: string;
  readonly position: number;
  /** How many bytes from `position` on are damaged; 0 where bytes are missing. */
  readonly bytes: number;
  /** What is wrong, for people. */
  readonly reason: string;
  /** Lost are the records from here … */
  readonly fromOffset: number;
  /** … to before here. Equal to `fromOffset` when no record is lost. */
  readonly toOffset: number;
}

/** Bytes of a write that a crash cut off. Not damage: the next open keeps them aside and goes on before them. */
export interface UnfinishedWrite {
  readonly file: string;
  readonly position: number;
  readonly bytes: number;
  /** The first offset that it would have held. */
  readonly offset: number;
  readonly reason: string;
}

/** What `inspectLog` found. The log opens if `damage` is empty. */
export interface LogInspection {
  readonly directory: string;
  /** A process has the directory open: the end may have moved on since. Its id is `null` if it cannot be read. */
  readonly owner: { readonly pid: number | null } | null;
  readonly segments: readonly SegmentInspection[];
  /** The oldest offset, and the one that the next record gets. */
  readonly firstOffset: number;
  readonly endOffset: number;
  readonly batchCount: number;
  readonly recordCount: number;
  /** Size of all segment files. */
  readonly fileBytes: number;
  /** Offsets that are known to hold no record: an earlier repair, or retention. */
  readonly gaps: readonly LogGap[];
  readonly tornTail: UnfinishedWrite | null;
  /** Every damaged place, in the order of offsets. */
  readonly damage: readonly LogDamage[];
}

/** One file that a repair replaces, adds or takes away. */
export interface RepairStep {
  /**
   * - `rewrite`: a new file under the same name holds what could be read, and gaps for what is lost.
   * - `add`: a new file holds nothing but a gap, where records are missing.
   * - `remove`: the file is taken away; it holds nothing that another one does not.
   * - `finish`: a file that an earlier repair had prepared takes its place.
   */
  readonly kind: "rewrite" | "add" | "remove" | "finish";
  readonly file: string;
  /** Where the damaged file is kept, or `null` if there was none. */
  readonly keptAs: string | null;
}

/** What `repairLog` did, or would do. */
export interface LogRepair {
  readonly applied: boolean;
  /** As the log was before. */
  readonly found: LogInspection;
  /** Nothing to do when empty. */
  readonly steps: readonly RepairStep[];
  /** Exactly the offsets whose records are given up; readers are told of them as gaps. */
  readonly lost: readonly LogGap[];
}

import type { Clock } from "@waybill/core";
import type { RecordSource } from "@waybill/log";
import type { Range } from "../records/control-record.ts";
import { encodeControl } from "../records/control-record.ts";
import type { GroupState } from "../state/broker-state.ts";

export type AppendControl = (records: readonly RecordSource[]) => Promise<void>;

/** Records acknowledgements lazily: several go into one record. A lost one only means a redelivery. */
export class AckWriter {
  readonly #state: GroupState;
  readonly #append: AppendControl;
  readonly #clock: Clock;
  readonly #flushMs: number;
  #offsets: number[] = [];
  #cancelTimer: (() => void) | null = null;
  #writing: Promise<void> | null = null;

  constructor(state: GroupState, append: AppendControl, clock: Clock, flushMs: number) {
    this.#state = state;
    this.#append = append;
    this.#clock = clock;
    this.#flushMs = flushMs;
  }

  /** Notes that `offset` is in the group's `done` set now. */
  note(offset: number): void {
    this.#offsets.push(offset);
    if (this.#cancelTimer !== null || this.#writing !== null) return;
    this.#cancelTimer = this.#clock.after(this.#flushMs, () => {
      this.#cancelTimer = null;
      this.#writing = this.#write().finally(() => {
        this.#writing = null;
        const next = this.#offsets.pop();
        if (next !== undefined) this.note(next);
      });
    });
  }

  /** Writes what was noted; when it resolves, it is durable. */
  async flush(): Promise<void> {
    this.stop();
    await this.#writing;
    await this.#write();
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  async #write(): Promise<void> {
    const ranges = this.#takeRanges();
    if (ranges.length === 0) return;
    const record = encodeControl({ kind: "acks", group: this.#state.name, ranges });
    // Refused or failed: the group will see these messages again, flagged as redelivered.
    await this.#append([record]).catch(() => {});
  }

  /** The whole done ranges around the noted offsets, so that neighbours merge again at recovery. */
  #takeRanges(): [number, number][] {
    const ranges: [number, number][] = [];
    const offsets = this.#offsets.toSorted((a, b) => a - b);
    this.#offsets = [];
    let last: Range = [0, 0];
    for (const offset of offsets) {
      if (offset < last[1]) continue;
      last = this.#state.done.rangeAt(offset) ?? [offset, offset + 1];
      ranges.push([last[0], last[1]]);
    }
    return ranges;
  }
}

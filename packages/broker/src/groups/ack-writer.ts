import type { Clock } from "@waybill/core";
import type { RecordSource } from "@waybill/log";
import type { Range } from "@waybill/core/internal";
import { encodeControl } from "../records/control-record.ts";
import type { GroupState } from "../state/broker-state.ts";
import { LazyWrite } from "../storage/lazy-write.ts";

export type AppendControl = (records: readonly RecordSource[]) => Promise<void>;

/** Records acknowledgements lazily: several go into one record. A lost one only means a redelivery. */
export class AckWriter {
  readonly #state: GroupState;
  readonly #append: AppendControl;
  readonly #lazily: LazyWrite;
  #offsets: number[] = [];

  constructor(state: GroupState, append: AppendControl, clock: Clock, flushMs: number) {
    this.#state = state;
    this.#append = append;
    this.#lazily = new LazyWrite(
      clock,
      flushMs,
      () => this.#write(),
      () => this.#offsets.length > 0,
    );
  }

  /** Notes that `offset` is in the group's `done` set now. */
  note(offset: number): void {
    this.#offsets.push(offset);
    this.#lazily.noted();
  }

  /** Writes what was noted; when it resolves, it is durable. */
  flush(): Promise<void> {
    return this.#lazily.flush();
  }

  stop(): void {
    this.#lazily.stop();
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

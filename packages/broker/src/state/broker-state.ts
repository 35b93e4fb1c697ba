import { RangeSet } from "@waybill/core/internal";
import type { ControlRecord } from "../records/control-record.ts";
import { Fences } from "../positions/fences.ts";
import { inPieces, PositionLedger } from "../positions/position-ledger.ts";

const RANGES_PER_RECORD_MAX = 4096;

/** What the log says about one group. */
export class GroupState {
  readonly name: string;
  /** Topic to the offset from which the group gets its messages. */
  readonly topics = new Map<string, number>();
  /** Offsets that need nothing more from this group: acknowledged, or not meant for it. */
  readonly done = new RangeSet();
  /** Messages before it may have been delivered; durable. */
  horizon = 0;

  constructor(name: string) {
    this.name = name;
  }

  /** Nothing before it is wanted by the group any more. */
  get floor(): number {
    return this.done.firstGap(0);
  }

  wants(topic: string, offset: number): boolean {
    const from = this.topics.get(topic);
    return from !== undefined && offset >= from;
  }
}

/**
 * The state that the log describes. It only grows: every record merges into it, in any order and any number of times,
 * so recovery may start anywhere at or before the last snapshot.
 */
export class BrokerState {
  readonly groups = new Map<string, GroupState>();
  readonly positions = new PositionLedger();
  readonly fences = new Fences();

  apply(record: ControlRecord): void {
    switch (record.kind) {
      case "group": {
        this.#addTopic(record.group, record.topic, record.from);
        return;
      }
      case "acks": {
        this.groups.get(record.group)?.done.addAll(record.ranges);
        return;
      }
      case "horizon": {
        const group = this.groups.get(record.group);
        if (group !== undefined) group.horizon = Math.max(group.horizon, record.offset);
        return;
      }
      case "fence": {
        this.fences.raise(record);
        return;
      }
      case "positions": {
        this.positions.addRanges(record);
        return;
      }
      default: {
        record satisfies never;
      }
    }
  }

  /** The whole state as records; groups come before what refers to them. */
  *snapshot(): Generator<ControlRecord> {
    for (const { name, topics, done, horizon } of this.groups.values()) {
      for (const [topic, from] of topics) yield { kind: "group", group: name, topic, from };
      for (const ranges of inPieces(done.ranges(), RANGES_PER_RECORD_MAX)) {
        yield { kind: "acks", group: name, ranges };
      }
      yield { kind: "horizon", group: name, offset: horizon };
    }
    for (const fence of this.fences) yield { kind: "fence", ...fence };
    for (const stored of this.positions.snapshot(RANGES_PER_RECORD_MAX))
      yield { kind: "positions", ...stored };
  }

  #addTopic(name: string, topic: string, from: number): void {
    let group = this.groups.get(name);
    if (group === undefined) {
      group = new GroupState(name);
      group.done.add(0, from);
      this.groups.set(name, group);
    }
    const known = group.topics.get(topic);
    if (known === undefined || from < known) group.topics.set(topic, from);
  }
}

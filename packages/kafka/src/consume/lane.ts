import type { Envelope } from "@waybill/core";
import { noteText, type AppliedRange } from "../topology/offset-note.ts";

/** One message between Kafka and its verdict. */
export interface Entry {
  readonly offset: number;
  readonly envelope: Envelope;
  /** How often the handler gave it back. */
  returns: number;
  isDone: boolean;
}

/**
 * One assigned partition: what was fetched of it, what is in flight, and how far it was applied. It lives as long as
 * the assignment; afterwards its verdicts count for nothing.
 */
export class Lane {
  readonly kafkaTopic: string;
  readonly partition: number;
  /** Everything before it is applied and recorded in Kafka. */
  committed = 0;
  /** What is recorded beside it. */
  note = "";
  /** Recorded in Kafka: what is at or above it was surely not delivered. Nothing beyond is handed out. */
  horizon = 0;
  /** Messages below were perhaps delivered before this assignment. */
  flagBelow = 0;
  /** Committed offset and horizon are known. */
  isReady = false;
  isReleased = false;
  /** Fetching is paused: enough waits here. */
  isFull = false;
  inFlight = 0;
  /** Returned messages whose pause is not over. */
  pauses = 0;
  /** First offset that was never handed out here. */
  deliveredTo = 0;
  waitingBytes = 0;
  /** First offset that was not fetched. */
  #next = 0;
  /** Fetched and not applied yet, by offset; applied ones behind unapplied ones too. */
  #open: Entry[] = [];
  #openHead = 0;
  /** Applied by an earlier assignment, beyond what was committed. */
  readonly #appliedBefore = new Set<number>();
  #doneBeyond = 0;
  #waiting: Entry[] = [];
  #waitingHead = 0;

  constructor(kafkaTopic: string, partition: number) {
    this.kafkaTopic = kafkaTopic;
    this.partition = partition;
  }

  get waitingCount(): number {
    return this.#waiting.length - this.#waitingHead;
  }

  /** Where the group would go on after a crash. Holes in the offsets (ends of transactions) do not matter. */
  get appliedTo(): number {
    return this.#open[this.#openHead]?.offset ?? Math.max(this.#next, this.committed);
  }

  /** Everything that was not applied is to be handed out again, unless `applied` says that it was. */
  begin(committed: number, flagBelow: number, applied: readonly AppliedRange[]): void {
    this.committed = committed;
    this.horizon = flagBelow;
    this.flagBelow = flagBelow;
    this.deliveredTo = committed;
    for (const [first, last] of applied) {
      for (let ahead = first; ahead <= last; ahead += 1) this.#appliedBefore.add(committed + ahead);
    }
    for (const entry of this.#waiting.splice(0)) {
      if (this.#appliedBefore.delete(entry.offset)) this.done(entry);
      else this.#waiting.push(entry);
    }
    this.isReady = true;
  }

  /** Takes a fetched message; one that is known already is ignored. */
  add(offset: number, envelope: Envelope): void {
    if (offset < this.#next) return;
    const entry: Entry = { offset, envelope, returns: 0, isDone: false };
    this.#next = offset + 1;
    this.#open.push(entry);
    if (this.#appliedBefore.delete(offset)) {
      this.done(entry);
      return;
    }
    this.#waiting.push(entry);
    this.waitingBytes += envelope.payload.length;
  }

  /** The next one to hand out, `null` while the lane has to wait. */
  peek(): Entry | null {
    if (!this.isReady || this.pauses > 0) return null;
    return this.#waiting[this.#waitingHead] ?? null;
  }

  /** Removes what `peek` answered. */
  take(entry: Entry): void {
    this.#waitingHead += 1;
    if (this.#waitingHead > 512 && this.#waitingHead * 2 > this.#waiting.length) {
      this.#waiting.splice(0, this.#waitingHead);
      this.#waitingHead = 0;
    }
    this.waitingBytes -= entry.envelope.payload.length;
    this.inFlight += 1;
    this.deliveredTo = Math.max(this.deliveredTo, entry.offset + 1);
  }

  /** Back into its old place. */
  putBack(entry: Entry): void {
    let place = this.#waitingHead;
    while ((this.#waiting[place]?.offset ?? Infinity) < entry.offset) place += 1;
    this.#waiting.splice(place, 0, entry);
    this.waitingBytes += entry.envelope.payload.length;
  }

  done(entry: Entry): void {
    entry.isDone = true;
    this.#doneBeyond += 1;
    while (this.#open[this.#openHead]?.isDone === true) {
      this.#openHead += 1;
      this.#doneBeyond -= 1;
    }
    if (this.#openHead > 512 && this.#openHead * 2 > this.#open.length) {
      this.#open.splice(0, this.#openHead);
      this.#openHead = 0;
    }
  }

  /** What to record beside `appliedTo`. */
  noteFor(partitions: number, horizon: number): string {
    return noteText({ partitions, horizon, applied: this.#doneBeyond === 0 ? [] : this.#appliedRanges() });
  }

  #appliedRanges(): AppliedRange[] {
    const base = this.appliedTo;
    const ranges: [number, number][] = [];
    let isInside = false;
    for (let index = this.#openHead; index < this.#open.length; index += 1) {
      const entry = this.#open[index];
      if (entry?.isDone !== true) {
        isInside = false;
        continue;
      }
      const ahead = entry.offset - base;
      const range = ranges.at(-1);
      if (isInside && range !== undefined) range[1] = ahead;
      else ranges.push([ahead, ahead]);
      isInside = true;
    }
    return ranges;
  }
}

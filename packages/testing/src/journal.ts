import { SYSTEM_HEADERS, type Envelope, type OutboxRow, type PublishResult } from "@waybill/core";

/** A message in one group. */
export interface GroupMessage {
  readonly group: string;
  readonly envelope: Envelope;
}

const LAST_MOVES = 8;

/** What happened in a bed, as seen at the ports: of all processes, whatever they knew of it themselves. */
export class Journal {
  readonly #sent = new Map<string, Envelope>();
  readonly #handled: GroupMessage[] = [];
  readonly #delivered = new Map<string, GroupMessage>();
  readonly #confirmed = new Map<string, Envelope>();
  readonly #acked = new Set<string>();
  readonly #groups = new Map<string, Set<string>>();
  readonly #lastMoves: string[] = [];
  readonly #dues = new Set<number>();
  #publishedSinceSettled = false;
  #moves = 0;
  #movesBefore = 0;
  #movesMax = Number.POSITIVE_INFINITY;
  #onOverrun: () => void = () => undefined;

  /** How often something moved. */
  get moves(): number {
    return this.#moves;
  }

  /** Committed messages, in the order of the outbox. */
  get sent(): readonly Envelope[] {
    return [...this.#sent.values()];
  }

  /** What groups have handled and committed, in that order. */
  get handled(): readonly GroupMessage[] {
    return this.#handled;
  }

  /** What groups were given, once per group and message, in the order of the first time. */
  get delivered(): readonly GroupMessage[] {
    return [...this.#delivered.values()];
  }

  /** What the broker confirmed, and a group that has the topic never acknowledged. */
  get owed(): readonly GroupMessage[] {
    const owed: GroupMessage[] = [];
    for (const [group, topics] of this.#groups) {
      for (const envelope of this.#confirmed.values()) {
        if (topics.has(envelope.topic) && !this.#acked.has(nameOf({ group, envelope })))
          owed.push({ group, envelope });
      }
    }
    return owed;
  }

  /** Calls `onOverrun` when more than `movesMax` moves follow. */
  limit(movesMax: number, onOverrun: () => void): void {
    this.#movesBefore = this.#moves;
    this.#movesMax = movesMax;
    this.#onOverrun = onOverrun;
  }

  get movesMax(): number {
    return this.#movesMax;
  }

  get overrun(): boolean {
    return this.#moves - this.#movesBefore > this.#movesMax;
  }

  /** The newest moves, for a person. */
  get lastMoves(): readonly string[] {
    return this.#lastMoves;
  }

  move(what: string): void {
    this.#moves += 1;
    this.#lastMoves.push(what);
    if (this.#lastMoves.length > LAST_MOVES) this.#lastMoves.shift();
    if (this.overrun) this.#onOverrun();
  }

  read(rows: readonly OutboxRow[]): void {
    for (const { envelope } of rows) {
      this.move(`the relay reads ${describe(envelope)}`);
      if (!this.#sent.has(envelope.id)) this.#sent.set(envelope.id, envelope);
    }
  }

  published(batch: readonly Envelope[], results: readonly PublishResult[]): void {
    this.#publishedSinceSettled = true;
    for (const [index, envelope] of batch.entries()) {
      const kind = results[index]?.kind ?? "unknown";
      this.move(`the broker answers ${kind} to ${describe(envelope)}`);
      if (kind === "confirmed") this.#confirmed.set(envelope.id, envelope);
    }
  }

  /** Whether something was published since it was asked last. */
  takePublished(): boolean {
    const published = this.#publishedSinceSettled;
    this.#publishedSinceSettled = false;
    return published;
  }

  hasGroup(group: string, topics: readonly string[]): void {
    const known = this.#groups.get(group) ?? new Set();
    this.#groups.set(group, known);
    for (const topic of topics) known.add(topic);
  }

  deliveredTo(message: GroupMessage): void {
    this.move(`group ${message.group} is given ${describe(message.envelope)}`);
    const name = nameOf(message);
    if (!this.#delivered.has(name)) this.#delivered.set(name, message);
  }

  ackedBy(message: GroupMessage): void {
    this.#acked.add(nameOf(message));
  }

  handledBy(message: GroupMessage): void {
    if (message.envelope.headers[SYSTEM_HEADERS.void] === undefined) this.#handled.push(message);
  }

  /** Something waits until then, by the clock that decides. Milliseconds since the epoch. */
  due(at: number): void {
    this.#dues.add(at);
  }

  /** The next time after `now` at which something may be due. */
  nextDue(now: number): number | null {
    const later = [...this.#dues].filter((at) => at > now);
    for (const at of this.#dues) if (at <= now) this.#dues.delete(at);
    return later.length === 0 ? null : Math.min(...later);
  }
}

export function describe({ topic, key, id }: Envelope): string {
  return `${topic} ${key === null ? "" : `of key ${key} `}(${id})`;
}

function nameOf({ group, envelope }: GroupMessage): string {
  return `${envelope.id} ${group}`;
}

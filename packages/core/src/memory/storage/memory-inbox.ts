import type { Envelope } from "../../message/envelope.ts";
import type { Claim, ClaimRequest, FirstClaim, InboxStore, Recorded } from "../../ports/inbox-store.ts";
import { RangeSet } from "../range-set.ts";
import type { MemoryDatabase } from "./memory-database.ts";
import type { MemoryParked } from "./memory-parked.ts";
import { messageLock } from "./memory-parked.ts";
import type { MemoryTransaction, OpenTransaction } from "./open-transaction.ts";
import { VersionedTable } from "./versioned-table.ts";

interface Place {
  /** Names (group, source, incarnation, topic, partition). */
  readonly lane: string;
  readonly sequence: number;
}

interface InboxRecord {
  readonly name: string;
  /** `null` for messages without a position, and for those whose position another message has. */
  readonly place: Place | null;
  readonly claimedAt: number;
  readonly result: string | null;
}

/** What groups have applied, in memory: records by message id, folded into ranges of positions. */
export class MemoryInbox implements InboxStore<MemoryTransaction> {
  readonly #database: MemoryDatabase;
  readonly #parked: MemoryParked;
  readonly #records = new VersionedTable<string, InboxRecord>();
  readonly #places = new VersionedTable<string, string>();
  readonly #folded = new Map<string, RangeSet>();
  /** Further deliveries that were applied, by name. */
  readonly #redelivered = new VersionedTable<string, true>();
  /** Starts of messages that were delivered before, by name. */
  readonly #starts = new VersionedTable<string, { readonly count: number; readonly at: number }>();

  constructor(database: MemoryDatabase, parked: MemoryParked) {
    this.#database = database;
    this.#parked = parked;
  }

  async claim(tx: MemoryTransaction, request: ClaimRequest): Promise<Claim> {
    const open = this.#database.opened(tx);
    const { group, envelope } = request;
    const place = placeOf(group, envelope);
    const name = messageLock(group, envelope.id);
    if (request.ordered && envelope.key !== null) {
      await this.#database.locks.take(open, `key ${envelope.topic}/${envelope.key} ${group}`);
    }
    await this.#database.locks.take(open, name);
    if (request.delivery !== undefined && request.delivery > 0) return this.#claimAgain(open, request);
    if (place !== null) await this.#database.locks.take(open, placeName(place));

    const known = this.#lookUp(open, request, name, place);
    if (known !== null) return known;
    const taken = place === null ? undefined : this.#places.read(open, placeName(place));
    this.#add(open, name, taken === undefined ? place : null);
    return taken === undefined ? "claimed" : "conflict";
  }

  async claimMany(tx: MemoryTransaction, requests: readonly FirstClaim[]): Promise<readonly Claim[]> {
    const claims: Claim[] = [];
    for (const request of requests) claims.push(await this.claim(tx, { ...request, parkedId: null }));
    return claims;
  }

  async unclaim(tx: MemoryTransaction, group: string, messageId: string, delivery = 0): Promise<void> {
    const open = this.#database.opened(tx);
    const name = messageLock(group, messageId);
    await this.#database.locks.take(open, name);
    if (delivery > 0) return this.#redelivered.write(open, redelivery(name, delivery), undefined);
    const record = this.#records.read(open, name);
    if (record === undefined) return;
    this.#records.write(open, name, undefined);
    if (record.place !== null) this.#places.write(open, placeName(record.place), undefined);
  }

  async start(group: string, messageId: string, alone: boolean): Promise<number | null> {
    const name = messageLock(group, messageId);
    if (this.#records.read(null, name) !== undefined) return 0;
    if (this.#parked.find(null, group, messageId) !== undefined) return 0;
    const before = this.#starts.read(null, name)?.count ?? 0;
    if (before > 0 && !alone) return null;
    this.#starts.writeCommitted(name, { count: before + 1, at: this.#database.now() });
    return before + 1;
  }

  async unstart(group: string, messageId: string): Promise<void> {
    const name = messageLock(group, messageId);
    const before = this.#starts.read(null, name);
    if (before !== undefined)
      this.#starts.writeCommitted(name, { ...before, count: Math.max(0, before.count - 1) });
  }

  async forgetStarts(tx: MemoryTransaction, group: string, messageId: string): Promise<void> {
    this.#starts.write(this.#database.opened(tx), messageLock(group, messageId), undefined);
  }

  async record(tx: MemoryTransaction, group: string, messageId: string): Promise<Recorded> {
    const open = this.#database.opened(tx);
    const name = messageLock(group, messageId);
    await this.#database.locks.take(open, name);
    const known = this.#records.read(open, name);
    if (known !== undefined) return { first: false, result: known.result };
    this.#add(open, name, null);
    return { first: true };
  }

  async keepResult(tx: MemoryTransaction, group: string, messageId: string, result: string): Promise<void> {
    const open = this.#database.opened(tx);
    const name = messageLock(group, messageId);
    await this.#database.locks.take(open, name);
    const record = this.#records.read(open, name);
    if (record !== undefined) this.#records.write(open, name, { ...record, result });
  }

  async forget(olderThanMs: number, limit: number): Promise<number> {
    const before = this.#database.now() - olderThanMs;
    for (const [name, { at }] of this.#starts.entries(null))
      if (at <= before) this.#starts.writeCommitted(name, undefined);
    const old = [...this.#records.entries(null)]
      .map(([, record]) => record)
      .filter(({ place, claimedAt }) => place === null && claimedAt <= before)
      .sort((a, b) => a.claimedAt - b.claimedAt)
      .slice(0, limit);
    for (const { name } of old) this.#records.writeCommitted(name, undefined);
    return old.length;
  }

  async fold(olderThanMs: number, limit: number): Promise<number> {
    const before = this.#database.now() - olderThanMs;
    const old: InboxRecord[] = [];
    for (const [, record] of this.#records.entries(null)) {
      if (old.length === limit) break;
      if (record.place !== null && record.claimedAt <= before) old.push(record);
    }
    for (const record of old) this.#foldOne(record);
    return old.length;
  }

  /** What is known about the message; `null` when it may be claimed. */
  #lookUp(open: OpenTransaction, request: ClaimRequest, name: string, place: Place | null): Claim | null {
    const { group, envelope, parkedId } = request;
    if (this.#records.read(open, name) !== undefined) return "duplicate";
    if (place !== null && this.#folded.get(place.lane)?.has(place.sequence) === true) return "duplicate";
    const parked = this.#parked.find(open, group, envelope.id);
    if (parked !== undefined && parked !== parkedId) return "parked";
    if (request.ordered && this.#parked.holdsUp(open, group, envelope, parkedId)) return "behind";
    return null;
  }

  #add(open: OpenTransaction, name: string, place: Place | null): void {
    this.#records.write(open, name, { name, place, claimedAt: this.#database.now(), result: null });
    if (place !== null) this.#places.write(open, placeName(place), name);
  }

  #claimAgain(open: OpenTransaction, request: ClaimRequest): Claim {
    const { group, envelope, delivery = 0, ordered, parkedId } = request;
    const name = redelivery(messageLock(group, envelope.id), delivery);
    if (this.#redelivered.read(open, name) !== undefined) return "duplicate";
    if (ordered && this.#parked.holdsUp(open, group, envelope, parkedId)) return "behind";
    this.#redelivered.write(open, name, true);
    return "claimed";
  }

  #foldOne({ name, place }: InboxRecord): void {
    if (place === null) return;
    const ranges = this.#folded.get(place.lane) ?? new RangeSet();
    this.#folded.set(place.lane, ranges);
    ranges.add(place.sequence);
    this.#records.writeCommitted(name, undefined);
    this.#places.writeCommitted(placeName(place), undefined);
  }
}

function redelivery(message: string, delivery: number): string {
  return `delivery ${delivery} of ${message}`;
}

function placeOf(group: string, envelope: Envelope): Place | null {
  const { position, source, topic, partition } = envelope;
  if (position === null) return null;
  return {
    lane: JSON.stringify([group, source, position.incarnation, topic, partition]),
    sequence: position.sequence,
  };
}

function placeName(place: Place): string {
  return `place ${place.sequence} ${place.lane}`;
}

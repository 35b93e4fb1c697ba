import type { Clock, Envelope } from "@waybill/core";
import type { Entry, Lane } from "./lane.ts";
import { isBlocked } from "./lane.ts";
import type { Member } from "./member.ts";

/** What the dispatcher needs from its group. */
export interface DispatchListener {
  acked(entry: Entry<Member>): void;
  /** Whether a delivery of `offset` is on record already; if not, `pumpAll` is called once it is. */
  mayDeliver(offset: number): boolean;
}

const RETURN_PAUSE_MAX_MS = 1000;
/** Partition numbers of foreign producers are any; beyond this they share lanes. */
const LANES_PER_TOPIC_MAX = 1024;

/**
 * Gives the messages of one group to its members. Each lane has one owner; deliveries start in log order; a lane
 * changes its owner only when nothing of it is in flight.
 */
export class Dispatcher {
  readonly #clock: Clock;
  readonly #listener: DispatchListener;
  readonly #members: Member[] = [];
  readonly #lanes = new Map<string, Map<number, Lane<Member>>>();
  readonly #blocked = new Set<Lane<Member>>();
  /** Messages of topics that no member takes. */
  #unowned: Entry<Member>[] = [];
  #unsettledCount = 0;
  #unsettledBytes = 0;

  constructor(clock: Clock, listener: DispatchListener) {
    this.#clock = clock;
    this.#listener = listener;
  }

  get memberCount(): number {
    return this.#members.length;
  }

  /** Messages that were added and are not acknowledged. */
  get unsettledCount(): number {
    return this.#unsettledCount;
  }

  get unsettledBytes(): number {
    return this.#unsettledBytes;
  }

  /** Takes a message; `pumpAll` starts its delivery. Offsets grow from call to call. */
  add(offset: number, envelope: Envelope, redelivered: boolean): void {
    const lane = this.#laneOf(envelope);
    const entry: Entry<Member> = { offset, envelope, lane, redelivered, returns: 0, holder: null };
    this.#unsettledCount += 1;
    this.#unsettledBytes += envelope.payload.length;
    if (lane.owner === null) this.#unowned.push(entry);
    else lane.owner.push(entry);
  }

  join(member: Member): void {
    this.#members.push(member);
    this.#rebalance();
  }

  /** The member gets nothing more; what it has in flight may still settle. */
  leave(member: Member): void {
    const index = this.#members.indexOf(member);
    if (index < 0) return;
    this.#members.splice(index, 1);
    this.#unowned.push(...member.takeAll());
    this.#rebalance();
  }

  /** Takes back what a member still has in flight: it goes to the next owner, and a late verdict counts for nothing. */
  takeBack(member: Member): void {
    for (const entry of member.inFlight) {
      this.#land(member, entry);
      entry.redelivered = true;
      this.#putBack(entry);
    }
    this.pumpAll();
  }

  /** Drops everything that waits, and ignores what is in flight. Answers the offsets that were delivered. */
  clear(): number[] {
    const delivered: number[] = [];
    const waiting = this.#unowned.splice(0);
    for (const member of this.#members) {
      waiting.push(...member.takeAll());
      for (const entry of member.inFlight) {
        this.#land(member, entry);
        delivered.push(entry.offset);
      }
    }
    for (const entry of waiting) if (entry.redelivered) delivered.push(entry.offset);
    this.#lanes.clear();
    this.#blocked.clear();
    this.#unsettledCount = 0;
    this.#unsettledBytes = 0;
    return delivered;
  }

  pumpAll(): void {
    for (const member of this.#members) this.pump(member);
  }

  /** Starts deliveries while the member takes them. */
  pump(member: Member): void {
    while (member.canTakeMore) {
      const entry = member.peek(this.#blocked.size > 0);
      if (entry === null || !this.#listener.mayDeliver(entry.offset)) return;
      member.remove(entry);
      this.#deliver(member, entry);
    }
  }

  #deliver(member: Member, entry: Entry<Member>): void {
    const { lane } = entry;
    entry.holder = member;
    member.inFlight.add(entry);
    lane.inFlight += 1;
    lane.servedBy = member;
    const settle = (acked: boolean): void => this.#settle(member, entry, acked);
    try {
      member.onDelivery({ envelope: entry.envelope, redelivered: entry.redelivered }).then(
        (verdict) => settle(verdict.kind === "ack"),
        () => settle(false),
      );
    } catch {
      // A handler that throws before its first await: the same as one that rejects, and never from inside `pump`.
      void Promise.resolve().then(() => settle(false));
    }
  }

  #settle(member: Member, entry: Entry<Member>, acked: boolean): void {
    if (entry.holder !== member) return;
    this.#land(member, entry);
    if (acked) {
      this.#unsettledCount -= 1;
      this.#unsettledBytes -= entry.envelope.payload.length;
      this.#listener.acked(entry);
    } else {
      this.#return(entry);
    }
    this.#unblock(entry.lane);
    this.pump(member);
    if (member.inFlight.size === 0) member.onIdle();
  }

  #land(member: Member, entry: Entry<Member>): void {
    entry.holder = null;
    member.inFlight.delete(entry);
    entry.lane.inFlight -= 1;
  }

  /** Back into its old place, after a pause that grows: a handler that always returns must not burn a core. */
  #return(entry: Entry<Member>): void {
    const { lane } = entry;
    entry.redelivered = true;
    const pauseMs = Math.min(RETURN_PAUSE_MAX_MS, 2 ** Math.min(entry.returns, 10));
    entry.returns += 1;
    lane.pauses += 1;
    this.#blocked.add(lane);
    this.#putBack(entry);
    this.#clock.after(pauseMs, () => {
      lane.pauses -= 1;
      this.#unblock(lane);
    });
  }

  #putBack(entry: Entry<Member>): void {
    if (entry.lane.owner === null) this.#unowned.push(entry);
    else entry.lane.owner.insert(entry);
  }

  #unblock(lane: Lane<Member>): void {
    if (!this.#blocked.has(lane) || isBlocked(lane)) return;
    this.#blocked.delete(lane);
    if (lane.owner !== null) this.pump(lane.owner);
  }

  #laneOf({ topic, partition }: Envelope): Lane<Member> {
    let lanes = this.#lanes.get(topic);
    if (lanes === undefined) {
      lanes = new Map();
      this.#lanes.set(topic, lanes);
    }
    const number = partition % LANES_PER_TOPIC_MAX;
    let lane = lanes.get(number);
    if (lane === undefined) {
      lane = { topic, number, owner: this.#ownerOf(topic, number), servedBy: null, inFlight: 0, pauses: 0 };
      lanes.set(number, lane);
    }
    return lane;
  }

  #ownerOf(topic: string, number: number): Member | null {
    const candidates = this.#members.filter((member) => member.topics.has(topic));
    return candidates[number % candidates.length] ?? null;
  }

  /** Gives every lane its owner anew and hands out what waits, in log order. */
  #rebalance(): void {
    const waiting = this.#unowned.splice(0);
    for (const member of this.#members) waiting.push(...member.takeAll());
    waiting.sort((a, b) => a.offset - b.offset);
    for (const lanes of this.#lanes.values()) {
      for (const lane of lanes.values()) {
        lane.owner = this.#ownerOf(lane.topic, lane.number);
        if (isBlocked(lane)) this.#blocked.add(lane);
      }
    }
    for (const entry of waiting) {
      if (entry.lane.owner === null) this.#unowned.push(entry);
      else entry.lane.owner.push(entry);
    }
    this.pumpAll();
  }
}

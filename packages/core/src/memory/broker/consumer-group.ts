import type { Envelope } from "../../message/envelope.ts";
import type { Clock } from "../../ports/clock.ts";
import { GroupLane } from "./group-lane.ts";
import type { GroupMember, MemberGroup } from "./group-member.ts";

/** A requeued message comes again after this long, so that a handler that always requeues cannot stall the process. */
const REQUEUE_PAUSE_MS = 1;

/** A consumer group: what it has not applied yet, by partition, and the members that share it. */
export class ConsumerGroup implements MemberGroup {
  readonly clock: Clock;
  readonly #topics = new Set<string>();
  readonly #lanes = new Map<string, GroupLane>();
  /** Lanes with waiting messages; the one that was served last comes last. */
  readonly #busy = new Set<GroupLane>();
  readonly #members = new Set<GroupMember>();
  #running = true;
  #wakes = false;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  addTopics(topics: readonly string[]): void {
    for (const topic of topics) this.#topics.add(topic);
  }

  has(topic: string): boolean {
    return this.#topics.has(topic);
  }

  push(envelope: Envelope, offset: number): void {
    const name = `${envelope.partition} ${envelope.topic}`;
    const lane = this.#lanes.get(name) ?? new GroupLane(envelope.topic);
    this.#lanes.set(name, lane);
    lane.push({ envelope, offset, delivered: false });
    this.wake();
  }

  join(member: GroupMember): void {
    this.#members.add(member);
    this.wake();
  }

  leave(member: GroupMember): void {
    this.#members.delete(member);
  }

  /** The connection to the consumers is lost: everything in flight comes again. */
  cut(): void {
    for (const member of this.#members) member.giveBackAll();
  }

  stop(): void {
    this.#running = false;
    this.cut();
  }

  goOn(): void {
    this.#running = true;
    this.wake();
  }

  dismiss(): void {
    this.cut();
    this.#members.clear();
  }

  wake(): void {
    if (this.#wakes) return;
    this.#wakes = true;
    queueMicrotask(() => {
      this.#wakes = false;
      this.#serve();
    });
  }

  wakeLater(): void {
    this.clock.after(REQUEUE_PAUSE_MS, () => this.wake());
  }

  /** Goes round the members until none can take any more. */
  #serve(): void {
    if (!this.#running) return;
    for (const lane of this.#lanes.values()) if (!lane.isEmpty) this.#busy.add(lane);
    let served = this.#members.size > 0;
    while (served) {
      served = false;
      for (const member of this.#members) served = this.#serveOne(member) || served;
    }
  }

  #serveOne(member: GroupMember): boolean {
    if (!member.hasRoom) return false;
    for (const lane of this.#busy) {
      if (!member.wants(lane.topic) || !lane.admits(member)) continue;
      const item = lane.take(member);
      this.#busy.delete(lane);
      if (!lane.isEmpty) this.#busy.add(lane);
      if (item === undefined) continue;
      member.start(lane, item);
      return true;
    }
    return false;
  }
}

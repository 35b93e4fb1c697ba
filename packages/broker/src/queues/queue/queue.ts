import type { ConnectionToken, QueueSpec } from "../contract.ts";
import type { Content } from "../records/content-record.ts";
import type { Binding, Destination } from "../routing/binding.ts";
import { Alarm } from "./alarm.ts";
import type { Consumer } from "./consumer.ts";
import { ConsumerRing } from "./consumer-ring.ts";
import { Front } from "./front.ts";
import { EXPIRES_AT_ONCE, Held } from "./held.ts";
import type { MessageBytes } from "./message-bytes.ts";
import type { QueuePolicy } from "./queue-policy.ts";
import type { DeathReason, FindStored, QueueHandle, QueueSurroundings } from "./queue-surroundings.ts";
import { StoredIndex, type FoundPlaces } from "./stored-index.ts";

/** Deliveries in a row before other queues get their turn. */
const TURN_MAX = 512;
/** Messages of one queue that are read ahead. */
const FRONT_MAX = 1024;
const FRONT_BYTES_MAX = 1024 * 1024;
/** Messages on their way out that wait for their place in the log. */
const DYING_MAX = 1024;

/**
 * One queue: `front` holds its first messages, `index` the offsets of all others, and consumers are given them in
 * order. What is not near the head is only in the log, so a backlog of any length costs a byte or two a message.
 */
export class Queue implements QueueHandle, Destination {
  readonly kind = "queue";
  readonly id: number;
  readonly spec: QueueSpec;
  readonly policy: QueuePolicy;
  readonly virtualHost: string;
  /** The only connection that may use it. */
  readonly owner: ConnectionToken | null;
  readonly consumers: ConsumerRing;
  /** Bindings that lead here. */
  readonly incoming = new Set<Binding>();
  /** Messages that are becoming dead letters: neither ready nor settled yet. */
  readonly dying = new Set<Held>();
  /** All that it holds, from being published to being settled. */
  readonly bytes: MessageBytes;
  /** Messages before it may have been delivered; durable. */
  horizon: number;
  unsettledCount = 0;
  /** Messages for it that are not on disk yet, and their bodies. */
  pendingCount = 0;
  pendingBytes = 0;
  /** Every message from here on was never delivered. */
  deliveredEnd = 0;
  isDeleted = false;
  /** Whether it had a consumer, for auto-delete. */
  wasConsumed = false;
  readonly #around: QueueSurroundings;
  readonly #front = new Front();
  readonly #index: StoredIndex;
  #frontBytes = 0;
  #readyBytes = 0;
  /** Some message may expire, so the first one is kept in memory to know when. */
  #mayExpire: boolean;
  readonly #expiry: Alarm;
  readonly #idle: Alarm;
  #loading: Promise<void> | null = null;
  #isScheduled = false;

  constructor(
    fields: Pick<Queue, "id" | "spec" | "policy" | "virtualHost" | "owner" | "bytes">,
    around: QueueSurroundings,
  ) {
    this.id = fields.id;
    this.spec = fields.spec;
    this.policy = fields.policy;
    this.virtualHost = fields.virtualHost;
    this.owner = fields.owner;
    this.bytes = fields.bytes;
    this.#around = around;
    this.consumers = new ConsumerRing(fields.policy.singleActiveConsumer);
    this.#index = new StoredIndex(fields.policy.maxLengthBytes !== null);
    this.#mayExpire = fields.policy.messageTtlMs !== null;
    this.#expiry = new Alarm(around, () => this.schedule());
    this.#idle = new Alarm(around, () => around.expired(this));
    this.horizon = this.isStored ? 0 : Infinity;
    this.used();
  }

  get name(): string {
    return this.spec.name;
  }

  /** Whether it and its persistent messages survive a restart. An exclusive one ends with its connection. */
  get isStored(): boolean {
    return this.spec.durable && !this.spec.exclusive;
  }

  get readyCount(): number {
    return this.#front.size + this.#index.size;
  }

  get bytesInMemory(): number {
    return this.#frontBytes;
  }

  get mayExpire(): boolean {
    return this.#mayExpire;
  }

  /** Whether a queue with `reject-publish` takes no more for now. */
  get isFull(): boolean {
    const { maxLength, maxLengthBytes, overflow } = this.policy;
    if (overflow === "drop-head") return false;
    if (maxLength !== null && this.readyCount + this.pendingCount >= maxLength) return true;
    return maxLengthBytes !== null && this.#readyBytes + this.pendingBytes >= maxLengthBytes;
  }

  /** What recovery found. */
  restore(found: FoundPlaces & { mayExpire: boolean; storedBytes: number }): void {
    this.bytes.restore(found.places.size, found.storedBytes);
    this.#index.restore(found);
    this.deliveredEnd = found.flagBelow;
    this.#readyBytes = this.#index.bytes;
    this.#mayExpire ||= found.mayExpire;
    this.schedule();
  }

  /** A message that is on disk now. */
  offer(offset: number, content: Content): void {
    this.pendingCount -= 1;
    this.pendingBytes -= content.body.length;
    if (this.isDeleted) return;
    if (!this.#mayExpire && content.expirationMs !== null) this.#mayExpire = true;
    const { isTransient, body } = content;
    this.#readyBytes += body.length;
    if (this.#index.size === 0 && this.consumers.size > 0 && this.#hasFrontRoom) {
      const kept = this.consumers.hasRoom ? content : content.detached();
      this.#front.push(this.#load(new Held(offset, isTransient, false), kept));
    } else {
      this.#index.append(offset, isTransient, body.length);
    }
    this.schedule();
  }

  /** Deliveries follow soon, together with others. */
  schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#around.schedule(this);
  }

  /** Delivers as long as there is something and somebody has room. */
  pump(): void {
    this.#isScheduled = false;
    for (let turn = 0; turn < TURN_MAX; turn += 1) {
      if (this.isDeleted) return;
      const head = this.#head();
      if (head === null) {
        const isWanted = this.readyCount > 0 && (this.#mayExpire || this.consumers.hasRoom);
        if (isWanted && this.dying.size < DYING_MAX) void this.#loadMore();
        return this.#trim();
      }
      if (!this.consumers.hasRoom) return this.#trim();
      if (!this.#around.mayDeliver(this, head.offset)) return;
      const consumer = this.consumers.next();
      if (consumer === undefined) return this.#trim();
      this.#leaveFront(head);
      this.#noteDelivered(head);
      consumer.deliver(head);
    }
    this.schedule();
  }

  /** The first message, out of the queue, or `null`. */
  async take(): Promise<Held | null> {
    this.used();
    while (!this.isDeleted && this.readyCount > 0) {
      const head = this.#head();
      if (head === null) await this.#loadMore();
      else if (!this.#around.mayDeliver(this, head.offset)) await this.#around.covered(this, head.offset);
      else {
        this.#leaveFront(head);
        this.#noteDelivered(head);
        return head;
      }
    }
    return null;
  }

  /** Puts messages back to their old places. @param returned in the order of their offsets */
  giveBack(returned: readonly Held[]): void {
    if (this.isDeleted || returned.length === 0) return;
    const { countsDeliveries, deliveryLimit } = this.policy;
    for (const held of returned) {
      held.isRedelivered = true;
      held.returns += 1;
      this.#readyBytes += held.bytes;
    }
    if (countsDeliveries || deliveryLimit !== null) this.#around.counted(this, returned);
    const limit = deliveryLimit ?? Infinity;
    const staying = returned.filter(({ returns }) => returns <= limit);
    this.#front.merge(staying);
    for (const held of returned) {
      if (held.returns <= limit) continue;
      this.#readyBytes -= held.bytes;
      this.die(held, "delivery_limit");
    }
    this.schedule();
  }

  /** Takes back a message that was taken out and reached nobody. */
  putBack(held: Held): void {
    if (this.isDeleted) return;
    this.#readyBytes += held.bytes;
    this.#front.merge([held]);
    this.schedule();
  }

  /** The queue is done with a message. */
  settle(held: Held): void {
    this.dying.delete(held);
    this.bytes.remove(held.storedBytes);
    if (this.isDeleted || !this.isStored || held.isTransient) return;
    this.#around.settled(this, held.offset);
  }

  /** A message that is out of the queue: dead-lettered, or dropped where there is no such exchange. */
  die(held: Held, reason: DeathReason): void {
    if (this.policy.deadLetterExchange === null) return this.settle(held);
    this.dying.add(held);
    this.#around.died(this, held, reason);
  }

  join(consumer: Consumer): void {
    this.consumers.add(consumer);
    this.wasConsumed = true;
    this.used();
    this.schedule();
  }

  leave(consumer: Consumer): void {
    if (!this.consumers.remove(consumer)) return;
    if (this.consumers.size === 0) this.#forgetContents();
    this.used();
    this.schedule();
  }

  /** Starts the time of `x-expires` anew. */
  used(): void {
    const { expiresMs } = this.policy;
    if (expiresMs === null) return;
    this.#idle.clear();
    if (!this.isDeleted && this.consumers.size === 0) this.#idle.set(this.#around.now() + expiresMs);
  }

  /** Ends it: everybody is told, nothing is delivered any more. */
  end(): void {
    this.isDeleted = true;
    this.bytes.end();
    this.stopTimers();
    this.#forgetContents();
    this.#front.clear();
    this.#index.clear();
    for (const consumer of this.consumers.takeAll()) consumer.cancelled();
  }

  stopTimers(): void {
    this.#idle.clear();
    this.#expiry.clear();
  }

  /** Drops everything that is ready; answers how many there were. */
  purge(): number {
    const count = this.readyCount;
    this.#forgetContents();
    for (const held of this.#front) this.settle(held);
    this.#front.clear();
    const { span } = this.#index;
    if (this.isStored && span !== null) this.#around.purged(this, span);
    this.bytes.removeSome(this.#index.size);
    this.#index.clear();
    this.#readyBytes = 0;
    return count;
  }

  /** Everything near the head, and the index of the rest, for a checkpoint. */
  stored(): { readonly near: Iterable<Held>; readonly index: StoredIndex } {
    return { near: this.#front, index: this.#index };
  }

  /** The first message if it is in memory; on the way there, expired ones go. */
  #head(): Held | null {
    for (;;) {
      const head = this.#front.peek();
      if (head === undefined || head.content === null) return null;
      if (head.expiresAt === Infinity || !this.#isExpired(head)) return head;
      if (this.dying.size >= DYING_MAX) return null;
      this.#leaveFront(head);
      this.die(head, "expired");
    }
  }

  #isExpired(head: Held): boolean {
    if (head.expiresAt === EXPIRES_AT_ONCE) return !this.consumers.hasRoom;
    if (head.expiresAt <= this.#around.now()) return true;
    this.#expiry.set(head.expiresAt);
    return false;
  }

  /** Drops from the head what is beyond the limits. */
  #trim(): void {
    const { maxLength, maxLengthBytes, overflow } = this.policy;
    if (overflow !== "drop-head" || (maxLength === null && maxLengthBytes === null)) return;
    const [countMax, bytesMax] = [maxLength ?? Infinity, maxLengthBytes ?? Infinity];
    while (this.readyCount > countMax || (this.#readyBytes > bytesMax && this.readyCount > 0)) {
      if (this.dying.size >= DYING_MAX) return;
      const first = this.#front.peek();
      if (first !== undefined) this.#leaveFront(first);
      const head = first ?? this.#index.shift();
      if (head === null) return;
      if (first === undefined) this.#readyBytes -= head.bytes;
      this.die(head, "maxlen");
    }
  }

  get #hasFrontRoom(): boolean {
    return this.#front.size < FRONT_MAX && this.#frontBytes < FRONT_BYTES_MAX && this.#around.memory.hasRoom;
  }

  #load(held: Held, content: Content): Held {
    held.content = content;
    held.bytes = content.body.length;
    const bytes = content.byteLength;
    held.storedBytes = bytes;
    this.#frontBytes += bytes;
    this.#around.memory.add(bytes);
    if (this.#mayExpire) held.expiresAt = this.#expiryOf(content);
    return held;
  }

  #expiryOf(content: Content): number {
    const ttlMs = Math.min(this.policy.messageTtlMs ?? Infinity, content.expirationMs ?? Infinity);
    return ttlMs === 0 ? EXPIRES_AT_ONCE : content.publishedAt + ttlMs;
  }

  /** The first one leaves. Its content stays with it for its delivery; it counts no longer. */
  #leaveFront(head: Held): void {
    this.#front.shift();
    const { content } = head;
    this.#readyBytes -= head.bytes;
    if (content === null) return;
    this.#frontBytes -= content.byteLength;
    this.#around.memory.add(-content.byteLength);
  }

  #noteDelivered({ offset }: Held): void {
    if (offset >= this.deliveredEnd) this.deliveredEnd = offset + 1;
  }

  #forgetContents(): void {
    for (const held of this.#front) held.content = null;
    this.#around.memory.add(-this.#frontBytes);
    this.#frontBytes = 0;
  }

  /** Reads the next messages from the log; never rejects. */
  #loadMore(): Promise<void> {
    this.#loading ??= this.#read().finally(() => {
      this.#loading = null;
      this.schedule();
    });
    return this.#loading;
  }

  async #read(): Promise<void> {
    try {
      const first = this.#firstUnloaded();
      if (first !== -1) this.#fill(await this.#around.read(first));
    } catch (error) {
      this.isDeleted = true;
      this.#around.onDamage(error);
    }
  }

  #firstUnloaded(): number {
    for (const held of this.#front) if (held.content === null) return held.offset;
    return this.#index.peek();
  }

  #fill(find: FindStored): void {
    if (this.isDeleted) return;
    if (!this.#front.fill(find, (held, content) => this.#load(held, content.detached()))) return;
    for (let offset = this.#index.peek(); offset !== -1; offset = this.#index.peek()) {
      if (this.#front.size > 0 && !this.#hasFrontRoom) return;
      const found = find(offset);
      if (found === null) return;
      const held = this.#index.shift();
      if (held !== null && found !== "lost") this.#front.push(this.#load(held, found.detached()));
    }
  }
}

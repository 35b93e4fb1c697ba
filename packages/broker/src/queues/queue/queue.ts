import type { ConnectionToken, QueueSpec } from "../contract.ts";
import type { Content } from "../records/content-record.ts";
import type { Binding, Destination } from "../routing/binding.ts";
import type { Consumer } from "./consumer.ts";
import { ConsumerRing } from "./consumer-ring.ts";
import { Front } from "./front.ts";
import { Held } from "./held.ts";
import { OffsetQueue } from "./offset-queue.ts";
import type { QueuePolicy } from "./queue-policy.ts";
import type { QueueHandle, QueueSurroundings } from "./queue-surroundings.ts";

/** Deliveries in a row before other queues get their turn. */
const TURN_MAX = 512;
/** Messages of one queue that are read ahead. */
const FRONT_MAX = 1024;
const FRONT_BYTES_MAX = 1024 * 1024;

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
  /** Messages before it may have been delivered; durable. */
  horizon: number;
  unsettledCount = 0;
  isDeleted = false;
  /** Whether it had a consumer, for auto-delete. */
  wasConsumed = false;
  readonly #around: QueueSurroundings;
  readonly #front = new Front();
  #index = new OffsetQueue();
  #frontBytes = 0;
  /** Messages before it may have been delivered before this process. */
  #flagBelow = 0;
  #loading: Promise<void> | null = null;
  #isScheduled = false;

  constructor(
    fields: {
      id: number;
      spec: QueueSpec;
      policy: QueuePolicy;
      virtualHost: string;
      owner: ConnectionToken | null;
    },
    around: QueueSurroundings,
  ) {
    this.id = fields.id;
    this.spec = fields.spec;
    this.policy = fields.policy;
    this.virtualHost = fields.virtualHost;
    this.owner = fields.owner;
    this.#around = around;
    this.consumers = new ConsumerRing(fields.policy.singleActiveConsumer);
    this.horizon = this.isStored ? 0 : Infinity;
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

  /** What recovery found. */
  restore(index: OffsetQueue, flagBelow: number): void {
    this.#index = index;
    this.#flagBelow = flagBelow;
  }

  /** A message that is on disk now. `pump` is called when all of the batch are offered. */
  offer(offset: number, content: Content): void {
    if (this.isDeleted) return;
    if (this.#index.size === 0 && this.consumers.size > 0 && this.#hasFrontRoom) {
      this.#front.push(this.#load(new Held(offset, content.isTransient, null, false), content));
    } else {
      this.#index.append(offset * 2 + (content.isTransient ? 1 : 0));
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
      if (this.isDeleted || this.readyCount === 0) return;
      const head = this.#front.peek();
      if (head === undefined || head.content === null) {
        if (this.consumers.hasRoom) void this.#loadMore();
        return;
      }
      if (!this.#around.mayDeliver(this, head.offset)) return;
      const consumer = this.consumers.next();
      if (consumer === undefined) return;
      this.#front.shift();
      this.#unload(head);
      consumer.deliver(head);
    }
    this.schedule();
  }

  /** The first message, out of the queue, or `null`. */
  async take(): Promise<Held | null> {
    while (!this.isDeleted && this.readyCount > 0) {
      const head = this.#front.peek();
      if (head === undefined || head.content === null) await this.#loadMore();
      else if (!this.#around.mayDeliver(this, head.offset)) await this.#around.covered(this, head.offset);
      else {
        this.#front.shift();
        this.#unload(head);
        return head;
      }
    }
    return null;
  }

  /** Puts messages back to their old places. @param returned in the order of their offsets */
  giveBack(returned: readonly Held[]): void {
    if (this.isDeleted || returned.length === 0) return;
    for (const held of returned) held.isRedelivered = true;
    this.#front.merge(returned);
    this.schedule();
  }

  /** The queue is done with a message. */
  settle(held: Held): void {
    if (this.isDeleted || !this.isStored || held.isTransient) return;
    this.#around.settled(this, held.offset);
  }

  join(consumer: Consumer): void {
    this.consumers.add(consumer);
    this.wasConsumed = true;
    this.schedule();
  }

  leave(consumer: Consumer): void {
    if (!this.consumers.remove(consumer)) return;
    if (this.consumers.size === 0) this.#forgetContents();
    this.schedule();
  }

  /** Ends it: everybody is told, nothing is delivered any more. */
  end(): void {
    this.isDeleted = true;
    this.#forgetContents();
    this.#front.clear();
    this.#index = new OffsetQueue();
    for (const consumer of this.consumers.takeAll()) consumer.cancelled();
  }

  /** Drops everything that is ready; answers how many there were. */
  purge(): number {
    const count = this.readyCount;
    this.#forgetContents();
    for (const held of this.#front) this.settle(held);
    this.#front.clear();
    for (let value = this.#index.shift(); value !== -1; value = this.#index.shift()) {
      if (value % 2 === 0 && this.isStored) this.#around.settled(this, value / 2);
    }
    return count;
  }

  get #hasFrontRoom(): boolean {
    return this.#front.size < FRONT_MAX && this.#frontBytes < FRONT_BYTES_MAX && this.#around.memory.hasRoom;
  }

  #load(held: Held, content: Content): Held {
    held.content = content;
    const bytes = content.byteLength;
    this.#frontBytes += bytes;
    this.#around.memory.add(bytes);
    return held;
  }

  /** The content stays with the message for its delivery; it counts no longer. */
  #unload(held: Held): void {
    const bytes = held.content?.byteLength ?? 0;
    this.#frontBytes -= bytes;
    this.#around.memory.add(-bytes);
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
    const value = this.#index.peek();
    return value === -1 ? -1 : Math.floor(value / 2);
  }

  #fill(contentAt: (offset: number) => Content | null): void {
    if (this.isDeleted) return;
    for (const held of this.#front) {
      if (held.content !== null) continue;
      const content = contentAt(held.offset);
      if (content === null) return;
      this.#load(held, content);
    }
    for (let value = this.#index.peek(); value !== -1; value = this.#index.peek()) {
      if (this.#front.size > 0 && !this.#hasFrontRoom) return;
      const offset = Math.floor(value / 2);
      const content = contentAt(offset);
      if (content === null) return;
      this.#index.shift();
      this.#front.push(
        this.#load(new Held(offset, value % 2 === 1, null, offset < this.#flagBelow), content),
      );
    }
  }
}

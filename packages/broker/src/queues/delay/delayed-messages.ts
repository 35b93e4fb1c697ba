import type { Queue } from "../queue/queue.ts";
import type { FindStored } from "../queue/queue-surroundings.ts";
import { Content } from "../records/content-record.ts";
import { DueHeap } from "./due-heap.ts";

/** Delayed messages are settled under this number, which no queue has. */
export const DELAYED_QUEUE_ID = 0;

const TIMER_MAX_MS = 2 ** 31 - 1;
const RETRY_MS = 100;
/** Messages that are on their way into their queues at one time. */
const BATCH_MAX = 1024;

/** Where messages go when they are due. */
export interface DelayPost {
  now(): number;
  after(ms: number, action: () => void): () => void;
  read(offset: number): Promise<FindStored>;
  /** The queues that it finds now. */
  route(virtualHost: string, exchange: string, content: Content, keys: readonly string[]): readonly Queue[];
  takes(bytes: number): boolean;
  post(content: Content, queues: readonly Queue[], stored: () => void): void;
  /** A delayed message that no queue takes. */
  dropped(offset: number): void;
  /** It waits no longer. `null`: it was not found. */
  left(content: Content | null): void;
  onDamage(error: unknown): void;
}

/**
 * Messages of delayed exchanges until they are due. Then each is written again, in one record with the end of the
 * delayed one, because the order of a queue is the order of the log.
 */
export class DelayedMessages {
  readonly #post: DelayPost;
  readonly #heap = new DueHeap();
  /** Due, but not on disk in their queues yet. */
  readonly #leaving = new Set<number>();
  #cancelTimer: (() => void) | null = null;
  #isWorking = false;
  #isStopped = false;

  constructor(post: DelayPost) {
    this.#post = post;
  }

  get count(): number {
    return this.#heap.size + this.#leaving.size;
  }

  add(dueAt: number, offset: number): void {
    this.#heap.add(dueAt, offset);
    if (this.#heap.nextDue === dueAt) this.#arm();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer?.();
  }

  /** Everything that waits, in no order. */
  *entries(): Generator<readonly [dueAt: number, offset: number]> {
    for (const offset of this.#leaving) yield [0, offset];
    yield* this.#heap.entries();
  }

  #arm(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    if (this.#isStopped || this.#isWorking || this.#heap.size === 0) return;
    const waitMs = Math.min(TIMER_MAX_MS, Math.max(0, this.#heap.nextDue - this.#post.now()));
    this.#cancelTimer = this.#post.after(waitMs, () => void this.#work());
  }

  async #work(): Promise<void> {
    this.#isWorking = true;
    try {
      let find: FindStored = () => null;
      while (!this.#isStopped && this.#heap.nextDue <= this.#post.now()) {
        if (this.#leaving.size >= BATCH_MAX) break;
        const offset = this.#heap.take();
        this.#leaving.add(offset);
        let content = find(offset);
        if (content === null) {
          find = await this.#post.read(offset);
          content = find(offset);
        }
        if (content === null || content === "lost") this.#drop(offset, null);
        else await this.#release(offset, content);
      }
    } catch (error) {
      this.#post.onDamage(error);
    } finally {
      this.#isWorking = false;
    }
    if (this.#leaving.size < BATCH_MAX) this.#arm();
  }

  async #release(offset: number, content: Content): Promise<void> {
    const { exchange, routingKey, properties, body, isTransient, delayed } = content;
    const keys = [routingKey];
    const queues = this.#post.route(delayed?.virtualHost ?? "", exchange, content, keys);
    if (queues.length === 0) return this.#drop(offset, content);
    while (!this.#isStopped && !this.#post.takes(content.byteLength)) await this.#pause();
    if (this.#isStopped) return;
    const due = new Content({
      exchange,
      routingKey,
      properties,
      body,
      isTransient,
      publishedAt: this.#post.now(),
      queueIds: queues.map(({ id }) => id),
      movedFrom: { queueId: DELAYED_QUEUE_ID, offset },
      delayed: null,
    });
    this.#post.post(due, queues, () => {
      const wasFull = this.#leaving.size >= BATCH_MAX;
      this.#leaving.delete(offset);
      this.#post.left(content);
      if (wasFull) this.#arm();
    });
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#post.after(RETRY_MS, resolve);
    });
  }

  #drop(offset: number, content: Content | null): void {
    this.#leaving.delete(offset);
    this.#post.dropped(offset);
    this.#post.left(content);
  }
}

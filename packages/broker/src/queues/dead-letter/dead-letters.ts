import type { Held } from "../queue/held.ts";
import type { Queue } from "../queue/queue.ts";
import type { DeathReason, FindStored } from "../queue/queue-surroundings.ts";
import { Content } from "../records/content-record.ts";
import { carbonCopiesOf } from "../routing/carbon-copies.ts";
import { isCycle, withDeath } from "./death-record.ts";

const RETRY_MS = 100;

/** Where dead letters go. */
export interface DeadLetterPost {
  /** Nothing can be stored any more; what is dying is where it was after the next start. */
  readonly isOver: boolean;
  now(): number;
  sleep(ms: number): Promise<void>;
  read(offset: number): Promise<FindStored>;
  /** The queues that a message finds from an exchange, or none. */
  route(virtualHost: string, exchange: string, content: Content, keys: readonly string[]): readonly Queue[];
  takes(bytes: number): boolean;
  /** Stores it soon; `stored` is called when it is on disk. */
  post(content: Content, queues: readonly Queue[], stored: () => void): void;
  onDamage(error: unknown): void;
}

interface Dying {
  readonly held: Held;
  readonly reason: DeathReason;
}

/**
 * Sends what died in a queue to its dead-letter exchange, in order. The new message and the end of the old one are one
 * record: after a crash there is one of the two, never both and never none.
 */
export class DeadLetters {
  readonly #post: DeadLetterPost;
  /** What waits, by queue; a queue is here while somebody works on it. */
  readonly #waiting = new Map<Queue, Dying[]>();

  constructor(post: DeadLetterPost) {
    this.#post = post;
  }

  add(queue: Queue, held: Held, reason: DeathReason): void {
    const waiting = this.#waiting.get(queue);
    if (waiting !== undefined) {
      waiting.push({ held, reason });
      return;
    }
    this.#waiting.set(queue, [{ held, reason }]);
    void this.#work(queue);
  }

  /** A message that its queue refused with `reject-publish-dlx`: it was never in the queue. */
  refused(queue: Queue, content: Content): void {
    this.#send(queue, content, "maxlen", null);
  }

  async #work(queue: Queue): Promise<void> {
    try {
      for (;;) {
        const waiting = this.#waiting.get(queue) ?? [];
        if (waiting.length === 0 || queue.isDeleted || this.#post.isOver) break;
        this.#waiting.set(queue, []);
        await this.#bury(queue, waiting);
        // It may have waited with more until these were gone.
        queue.schedule();
      }
    } catch (error) {
      this.#post.onDamage(error);
    } finally {
      this.#waiting.delete(queue);
    }
  }

  async #bury(queue: Queue, dying: readonly Dying[]): Promise<void> {
    let find: FindStored = () => null;
    for (const { held, reason } of dying) {
      let content = held.content ?? find(held.offset);
      if (content === null) {
        find = await this.#post.read(held.offset);
        content = find(held.offset);
      }
      held.content = null;
      if (content === null || content === "lost") {
        queue.settle(held);
        continue;
      }
      while (!this.#post.takes(content.byteLength)) {
        if (this.#post.isOver) return;
        await this.#post.sleep(RETRY_MS);
      }
      this.#send(queue, content, reason, held);
    }
  }

  #send(queue: Queue, content: Content, reason: DeathReason, held: Held | null): void {
    const { deadLetterExchange, deadLetterRoutingKey } = queue.policy;
    const carbonCopies = carbonCopiesOf(content.properties);
    const death = { reason, queue: queue.name, at: this.#post.now(), routingKey: deadLetterRoutingKey };
    const routingKey = deadLetterRoutingKey ?? content.routingKey;
    const keys = deadLetterRoutingKey === null ? [routingKey, ...carbonCopies] : [routingKey];
    const fields = {
      exchange: deadLetterExchange ?? "",
      routingKey,
      properties: withDeath(content, death, carbonCopies),
      body: content.body,
      isTransient: content.isTransient,
      publishedAt: death.at,
      delayed: null,
    };
    const draft = new Content({ ...fields, queueIds: [], movedFrom: null });
    const found = this.#post.route(queue.virtualHost, fields.exchange, draft, keys);
    const queues = found.filter((target) => !(reason !== "rejected" && isCycle(draft, target.name)));
    if (queues.length === 0) {
      if (held !== null) queue.settle(held);
      return;
    }
    const isLasting = held !== null && queue.isStored && !held.isTransient;
    const movedFrom = isLasting ? { queueId: queue.id, offset: held.offset } : null;
    const letter = new Content({ ...fields, queueIds: queues.map(({ id }) => id), movedFrom });
    this.#post.post(letter, queues, () => {
      if (held === null || !queue.dying.delete(held)) return;
      queue.bytes.remove(held.storedBytes);
      queue.schedule();
    });
  }
}

import type { Content } from "../records/content-record.ts";

/** Bytes of messages that are in memory for all queues together. */
export class MemoryBudget {
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get hasRoom(): boolean {
    return this.#bytes < this.#bytesMax;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
  }
}

/** A queue as the engine around it sees it. */
export interface QueueHandle {
  readonly id: number;
  pump(): void;
}

/** What a queue needs from the engine around it. */
export interface QueueSurroundings {
  readonly memory: MemoryBudget;
  /** Calls `queue.pump` soon. */
  schedule(queue: QueueHandle): void;
  /** Whether a delivery of `offset` is on record already; if not, the queue is scheduled once it is. */
  mayDeliver(queue: QueueHandle, offset: number): boolean;
  /** Resolves when `mayDeliver` is true. */
  covered(queue: QueueHandle, offset: number): Promise<void>;
  /** Reads a block of the log that holds the message; the answer finds messages in it. */
  read(offset: number): Promise<(offset: number) => Content | null>;
  /** A durable queue is done with a message that would survive a restart. */
  settled(queue: QueueHandle, offset: number): void;
  /** Stored records cannot be read. */
  onDamage(error: unknown): void;
}

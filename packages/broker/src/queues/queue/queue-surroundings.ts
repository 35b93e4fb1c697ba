import type { Content } from "../records/content-record.ts";
import type { AlarmClock } from "./alarm.ts";
import type { Held } from "./held.ts";
import type { OffsetRun } from "./offset-queue.ts";

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

/** Why a message leaves its queue without having been acknowledged; the words of `x-death`. */
export type DeathReason = "rejected" | "expired" | "maxlen" | "delivery_limit";

/** Finds stored messages in a block of the log: `null` not in this block, `lost` nowhere any more. */
export type FindStored = (offset: number) => Content | "lost" | null;

/** What a queue needs from the engine around it. */
export interface QueueSurroundings extends AlarmClock {
  readonly memory: MemoryBudget;
  /** Calls `queue.pump` soon. */
  schedule(queue: QueueHandle): void;
  /** Whether a delivery of `offset` is on record already; if not, the queue is scheduled once it is. */
  mayDeliver(queue: QueueHandle, offset: number): boolean;
  /** Resolves when `mayDeliver` is true. */
  covered(queue: QueueHandle, offset: number): Promise<void>;
  /** Reads a block of the log that holds the message. */
  read(offset: number): Promise<FindStored>;
  /** A stored queue is done with a message that would survive a restart. */
  settled(queue: QueueHandle, offset: number): void;
  /** A stored queue is done with all its messages in the range. */
  purged(queue: QueueHandle, range: OffsetRun): void;
  /** The message goes to the dead-letter exchange of the queue, and is settled then. */
  died(queue: QueueHandle, held: Held, reason: DeathReason): void;
  /** These were given back once more. */
  counted(queue: QueueHandle, returned: readonly Held[]): void;
  /** Nobody used the queue for as long as `x-expires` says. */
  expired(queue: QueueHandle): void;
  /** Stored records cannot be read. */
  onDamage(error: unknown): void;
}

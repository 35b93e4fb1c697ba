import type { RecordSource } from "@waybill/log";
import type { Queue } from "../queue/queue.ts";
import { encodeHorizons } from "../records/marks-record.ts";

const STEP = 2048;

/**
 * Writes ahead how far the deliveries of each queue may have come. After a crash only messages before the horizon can
 * have been delivered, so only they are marked as redelivered. While messages flow, the horizon travels with them in
 * the same commit and costs no time.
 */
export class DeliveryHorizons {
  readonly #append: (record: RecordSource) => Promise<void>;
  readonly #asked = new Map<Queue, number>();
  #writing: Promise<void> | null = null;

  constructor(append: (record: RecordSource) => Promise<void>) {
    this.#append = append;
  }

  /** Whether a delivery of `offset` is covered. If not, the queue is scheduled when it is. */
  covers(queue: Queue, offset: number): boolean {
    if (offset < queue.horizon) return true;
    // Refused or failed: the next delivery asks again, or the engine has failed.
    this.#ask(queue, offset).catch(() => {});
    return false;
  }

  async covered(queue: Queue, offset: number): Promise<void> {
    if (offset >= queue.horizon) await this.#ask(queue, offset);
  }

  /** The record that goes with new messages, or `null`. @param queues which get them, and the offset of the last one */
  travelling(queues: ReadonlyMap<Queue, number>): { record: RecordSource; reached: () => void } | null {
    const targets: [Queue, number][] = [];
    for (const [queue, offset] of queues) {
      if (queue.consumers.size > 0 && offset + STEP / 2 >= queue.horizon)
        targets.push([queue, offset + STEP]);
    }
    return targets.length === 0 ? null : this.#recordOf(targets);
  }

  #ask(queue: Queue, offset: number): Promise<void> {
    this.#asked.set(queue, Math.max(this.#asked.get(queue) ?? 0, offset + STEP));
    // All that is asked for in this turn goes into one record.
    this.#writing ??= Promise.resolve().then(() => this.#write());
    return this.#writing;
  }

  async #write(): Promise<void> {
    this.#writing = null;
    const targets = [...this.#asked];
    this.#asked.clear();
    const { record, reached } = this.#recordOf(targets);
    await this.#append(record);
    reached();
    for (const [queue] of targets) queue.schedule();
  }

  #recordOf(targets: readonly (readonly [Queue, number])[]): { record: RecordSource; reached: () => void } {
    const record = encodeHorizons(new Map(targets.map(([queue, target]) => [queue.id, target])));
    const reached = (): void => {
      for (const [queue, target] of targets) queue.horizon = Math.max(queue.horizon, target);
    };
    return { record, reached };
  }
}

import type { Method } from "@waybill/amqp";
import type { ConnectionHost } from "./connection-host.ts";
import { ConfirmQueue } from "./confirm-queue.ts";
import { ReadHold, type ReadGate } from "./read-gate.ts";

export interface PublishGateListener {
  reply(method: Method): void;
  /** Fewer publications wait for the disk. */
  settled(): void;
  failed(error: unknown): void;
}

/**
 * Slows a publishing client down by not reading from it: while too much of it, or of all clients, waits for the disk,
 * and while the engine wants publishers to wait.
 */
export class PublishGate {
  readonly confirms: ConfirmQueue;
  readonly #host: ConnectionHost;
  readonly #reads: ReadGate;
  readonly #listener: PublishGateListener;
  readonly #onRoom = (): void => this.#relax();
  #knowsBlocked = false;
  #hasPublished = false;
  #isTold = false;

  constructor(host: ConnectionHost, reads: ReadGate, listener: PublishGateListener) {
    this.#host = host;
    this.#reads = reads;
    this.#listener = listener;
    this.confirms = new ConfirmQueue(host.engine, {
      onSettled: (bytes) => this.#settled(bytes),
      onFailed: (error) => listener.failed(error),
    });
  }

  /** @param knowsBlocked the client understands `connection.blocked` */
  opened(knowsBlocked: boolean): void {
    this.#knowsBlocked = knowsBlocked;
  }

  /** A message was published. */
  published(): void {
    this.#hasPublished = true;
    const { blockedBy } = this.#host;
    if (blockedBy === null) return;
    this.#reads.hold(ReadHold.blocked);
    this.#tell(blockedBy);
  }

  /** Publishers have to wait from now on, or (`null`) no longer. One that publishes nothing is left alone. */
  blocked(reason: string | null): void {
    if (reason !== null) {
      if (this.#hasPublished) this.#tell(reason);
      return;
    }
    this.#reads.release(ReadHold.blocked);
    if (!this.#isTold) return;
    this.#isTold = false;
    this.#listener.reply({ name: "connection.unblocked" });
  }

  /** Has everything stored that came in the chunk that was read. */
  flush(): void {
    const bytes = this.confirms.flush();
    if (bytes === 0) return;
    const { budget, limits } = this.#host;
    budget.add(bytes);
    const isTooMuch = this.confirms.waitingBytes > limits.unflushedBytesMax;
    if (!isTooMuch && !budget.isExceeded) return;
    this.#reads.hold(ReadHold.unflushed);
    if (budget.isExceeded) budget.whenRoom(this.#onRoom);
  }

  /** The connection is gone. */
  close(): void {
    this.#host.budget.forget(this.#onRoom);
  }

  #settled(bytes: number): void {
    this.#host.budget.remove(bytes);
    this.#relax();
    this.#listener.settled();
  }

  #relax(): void {
    const { budget, limits } = this.#host;
    if (this.confirms.waitingBytes > limits.unflushedBytesMax / 2) return;
    if (budget.isExceeded) budget.whenRoom(this.#onRoom);
    else this.#reads.release(ReadHold.unflushed);
  }

  #tell(reason: string): void {
    if (this.#isTold || !this.#knowsBlocked) return;
    this.#isTold = true;
    this.#listener.reply({ name: "connection.blocked", reason });
  }
}

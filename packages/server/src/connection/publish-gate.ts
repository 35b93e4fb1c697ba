import type { Method } from "@waybill/amqp";
import type { VirtualHost } from "@waybill/broker/queues";
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
 * and while the engine wants publishers to wait. Where only its virtual host is full, a client that consumes is read all
 * the same: its acknowledgements are what helps, and what it publishes is refused.
 */
export class PublishGate {
  readonly confirms: ConfirmQueue;
  readonly #host: ConnectionHost;
  readonly #reads: ReadGate;
  readonly #listener: PublishGateListener;
  readonly #onRoom = (): void => this.#relax();
  #virtualHost: VirtualHost | null = null;
  #knowsBlocked = false;
  #consumes = false;
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
  opened(virtualHost: VirtualHost, knowsBlocked: boolean): void {
    this.#virtualHost = virtualHost;
    this.#knowsBlocked = knowsBlocked;
  }

  /** A message was published. */
  published(): void {
    this.#hasPublished = true;
    const reason = this.#blockedBy;
    if (reason === null) return;
    if (this.#mustWait) this.#reads.hold(ReadHold.blocked);
    this.#tell(reason);
  }

  /** The client consumes. */
  consumes(): void {
    this.#consumes = true;
  }

  /** Publishers have to wait from now on, or no longer. One that publishes nothing is left alone. */
  reviewBlocked(): void {
    if (!this.#mustWait) this.#reads.release(ReadHold.blocked);
    const reason = this.#blockedBy;
    if (reason !== null) {
      if (this.#hasPublished) this.#tell(reason);
      return;
    }
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

  get #blockedBy(): string | null {
    return this.#host.blockedBy ?? this.#virtualHost?.blockedBy ?? null;
  }

  get #mustWait(): boolean {
    return this.#host.blockedBy !== null || (!this.#consumes && this.#blockedBy !== null);
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

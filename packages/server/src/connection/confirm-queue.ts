import type { QueueEngine } from "@waybill/broker/queues";

/** A channel in confirm mode, as far as it concerns what is confirmed. */
export interface Confirmable {
  /** Everything up to `tag` is on disk or refused. Writes the acks and nacks. */
  confirm(tag: number, refused: readonly number[]): void;
}

/** What one channel published in one chunk. */
interface Share {
  readonly channel: Confirmable;
  lastTag: number;
  readonly refused: number[];
}

interface Batch {
  readonly shares: readonly Share[];
  readonly bytes: number;
  isDurable: boolean;
}

/**
 * The publications of one connection between their arrival and their confirmation. Those of one chunk from the socket
 * are flushed together; what was flushed first is confirmed first, whatever the order in which the disk answers.
 */
export class ConfirmQueue {
  readonly #engine: QueueEngine;
  readonly #onSettled: (bytes: number) => void;
  readonly #onFailed: (error: unknown) => void;
  readonly #batches: Batch[] = [];
  #shares: Share[] = [];
  #bytes = 0;
  #waitingBytes = 0;
  #hasFailed = false;

  /**
   * @param onSettled so many bytes no longer wait for the disk
   * @param onFailed they could not be stored: nothing more is confirmed
   */
  constructor(
    engine: QueueEngine,
    listener: { onSettled(bytes: number): void; onFailed(error: unknown): void },
  ) {
    this.#engine = engine;
    this.#onSettled = (bytes) => listener.onSettled(bytes);
    this.#onFailed = (error) => listener.onFailed(error);
  }

  /** Publications that were given to the engine and are not on disk. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  get isEmpty(): boolean {
    return this.#batches.length === 0 && this.#bytes === 0;
  }

  /**
   * Settles when everything that any client has published so far is in its queues, so that who asks about a queue sees it.
   * Whether it could be stored is told by other ways.
   */
  async everythingStored(): Promise<void> {
    await this.#engine.flush().catch(() => {});
  }

  /** A publication was given to the engine. */
  add(bytes: number): void {
    this.#bytes += bytes;
  }

  /** The same, and it is to be confirmed with `tag`. */
  addConfirmed(channel: Confirmable, tag: number, isRefused: boolean): void {
    let share = this.#shares.at(-1);
    if (share?.channel !== channel) share = this.#shareOf(channel);
    share.lastTag = tag;
    if (isRefused) share.refused.push(tag);
  }

  /** Has everything stored that was added since the last call. Answers how many bytes that are. */
  flush(): number {
    const bytes = this.#bytes;
    if (bytes === 0 || this.#hasFailed) return 0;
    const batch: Batch = { shares: this.#shares, bytes, isDurable: false };
    this.#shares = [];
    this.#bytes = 0;
    this.#waitingBytes += bytes;
    this.#batches.push(batch);
    try {
      this.#engine.flush().then(
        () => this.#durable(batch),
        (error: unknown) => this.#fail(error),
      );
    } catch (error) {
      this.#fail(error);
    }
    return bytes;
  }

  #shareOf(channel: Confirmable): Share {
    const known = this.#shares.find((share) => share.channel === channel);
    if (known !== undefined) return known;
    const share: Share = { channel, lastTag: 0, refused: [] };
    this.#shares.push(share);
    return share;
  }

  #durable(batch: Batch): void {
    batch.isDurable = true;
    let bytes = 0;
    while (!this.#hasFailed && this.#batches[0]?.isDurable === true) {
      const { shares, bytes: settled } = this.#batches.shift() as Batch;
      for (const { channel, lastTag, refused } of shares) channel.confirm(lastTag, refused);
      bytes += settled;
    }
    this.#waitingBytes -= bytes;
    if (bytes > 0) this.#onSettled(bytes);
  }

  #fail(error: unknown): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    const bytes = this.#waitingBytes;
    this.#waitingBytes = 0;
    this.#batches.length = 0;
    this.#onSettled(bytes);
    this.#onFailed(error);
  }
}

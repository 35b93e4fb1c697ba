import type { Envelope, PublishResult } from "@waybill/core";

const CONFIRMED: PublishResult = { kind: "confirmed" };

/** One call of `publish`: what became of its messages so far. */
export class Batch {
  readonly results: Promise<readonly PublishResult[]>;
  readonly #resolve: (results: readonly PublishResult[]) => void;
  readonly #results: (PublishResult | undefined)[];
  #open: number;

  constructor(size: number) {
    const { promise, resolve } = Promise.withResolvers<readonly PublishResult[]>();
    this.results = promise;
    this.#resolve = resolve;
    this.#results = Array.from({ length: size }, () => undefined);
    this.#open = size;
    if (size === 0) resolve([]);
  }

  isSettled(index: number): boolean {
    return this.#results[index] !== undefined;
  }

  /** The first word counts: a confirm that comes after the deadline changes nothing. */
  settle(index: number, result: PublishResult): void {
    if (this.#results[index] !== undefined) return;
    this.#results[index] = result;
    this.#open -= 1;
    if (this.#open === 0) this.#resolve(this.#results as PublishResult[]);
  }

  settleRest(result: PublishResult): void {
    for (let index = 0; index < this.#results.length; index += 1) this.settle(index, result);
  }
}

/** One message on its way. */
export class Flight {
  readonly envelope: Envelope;
  readonly #batch: Batch;
  readonly #index: number;
  /** The server said that no queue takes it; its confirm means nothing then. */
  returned = false;
  /** When the server refused it first, which another channel or a moment may cure; `null` when it did not. */
  nackedAt: number | null = null;
  nacks = 0;

  constructor(envelope: Envelope, batch: Batch, index: number) {
    this.envelope = envelope;
    this.#batch = batch;
    this.#index = index;
  }

  get isSettled(): boolean {
    return this.#batch.isSettled(this.#index);
  }

  get bytes(): number {
    return this.envelope.payload.byteLength;
  }

  confirm(): void {
    this.#batch.settle(this.#index, CONFIRMED);
  }

  settle(result: PublishResult): void {
    this.#batch.settle(this.#index, result);
  }
}

import type { Envelope, Fence, PublishResult } from "@waybill/core";
import { orderOf } from "@waybill/core/internal";
import { HELD, isFenced } from "../fencing/refused-orders.ts";

const CONFIRMED: PublishResult = { kind: "confirmed" };

/** Under which conditions a batch is published. */
export interface BatchTerms {
  readonly fence: Fence | null;
  /** Behind a refused message, the rest of its partition is held. */
  readonly isOrdered: boolean;
}

/** One call of `publish`: what became of its messages so far. */
export class Batch {
  readonly fence: Fence | null;
  readonly results: Promise<readonly PublishResult[]>;
  readonly #resolve: (results: readonly PublishResult[]) => void;
  readonly #results: (PublishResult | undefined)[];
  #open: number;
  /** By order: the index of the first message that was refused or held. */
  readonly #refused: Map<string, number> | null;
  /** A later epoch took over: nothing more of the batch is published. */
  #fenced: PublishResult | null = null;

  constructor(size: number, { fence, isOrdered }: BatchTerms) {
    this.fence = fence;
    this.#refused = isOrdered ? new Map() : null;
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

  /** What becomes of a message because of earlier ones, `null` when it is to be sent. */
  behind(index: number, envelope: Envelope): PublishResult | null {
    if (this.#fenced !== null) return this.#fenced;
    if (this.#refused === null || this.#refused.size === 0) return null;
    return index > (this.#refused.get(orderOf(envelope)) ?? Infinity) ? HELD : null;
  }

  /** Whatever else is not sent yet depends on it. */
  noteRefusal(index: number, envelope: Envelope, result: PublishResult): void {
    if (this.#refused === null || (result.kind !== "rejected" && result.kind !== "held")) return;
    if (isFenced(result)) this.#fenced = result;
    const order = orderOf(envelope);
    this.#refused.set(order, Math.min(index, this.#refused.get(order) ?? Infinity));
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
  /** The code with which the server gave it back; its confirm means nothing then. */
  returnedWith: number | null = null;
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

  get fence(): Fence | null {
    return this.#batch.fence;
  }

  /** What becomes of it because of earlier ones, `null` when it is to be sent. */
  get behind(): PublishResult | null {
    return this.#batch.behind(this.#index, this.envelope);
  }

  get bytes(): number {
    return this.envelope.payload.byteLength;
  }

  confirm(): void {
    this.#batch.settle(this.#index, CONFIRMED);
  }

  settle(result: PublishResult): void {
    this.#batch.noteRefusal(this.#index, this.envelope, result);
    this.#batch.settle(this.#index, result);
  }
}

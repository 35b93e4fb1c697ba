import { WaybillError } from "../../errors/waybill-error.ts";
import type { Envelope } from "../../message/envelope.ts";

/** How a test makes the memory broker fail. */
export interface MemoryBrokerFaults {
  /** The broker is unreachable: publishes are `unknown`, deliveries in flight come again later, `open` throws. */
  goDown(): void;
  comeUp(): void;
  /** Refuses the next `times` messages (default 1) for which `matches` holds. */
  rejectNext(
    matches: (envelope: Envelope) => boolean,
    options: { readonly retryable: boolean; readonly times?: number },
  ): void;
  /** Stores the next `count` messages and loses their confirms: they are `unknown`. */
  loseConfirm(count: number): void;
  /** Cuts the connections of all consumers: deliveries in flight come again, marked as redelivered. */
  cutConsumers(): void;
}

interface Refusal {
  readonly matches: (envelope: Envelope) => boolean;
  readonly retryable: boolean;
  left: number;
}

/** The faults that are planned. */
export class PlannedFaults implements MemoryBrokerFaults {
  readonly #onDown: () => void;
  readonly #onUp: () => void;
  readonly #onCut: () => void;
  readonly #refusals: Refusal[] = [];
  #confirmsToLose = 0;
  #down = false;

  constructor(on: { readonly down: () => void; readonly up: () => void; readonly cut: () => void }) {
    this.#onDown = on.down;
    this.#onUp = on.up;
    this.#onCut = on.cut;
  }

  get isDown(): boolean {
    return this.#down;
  }

  goDown(): void {
    this.#down = true;
    this.#onDown();
  }

  comeUp(): void {
    this.#down = false;
    this.#onUp();
  }

  rejectNext(
    matches: (envelope: Envelope) => boolean,
    options: { readonly retryable: boolean; readonly times?: number },
  ): void {
    this.#refusals.push({ matches, retryable: options.retryable, left: options.times ?? 1 });
  }

  loseConfirm(count: number): void {
    this.#confirmsToLose += count;
  }

  cutConsumers(): void {
    this.#onCut();
  }

  /** The refusal that was planned for this message, if any; it is used up. */
  takeRefusal(envelope: Envelope): { readonly error: WaybillError; readonly retryable: boolean } | null {
    const refusal = this.#refusals.find(({ left, matches }) => left > 0 && matches(envelope));
    if (refusal === undefined) return null;
    refusal.left -= 1;
    const error = new WaybillError("BROKER_REFUSED", "The memory broker was told to refuse this message.");
    return { error, retryable: refusal.retryable };
  }

  /** Whether the confirm of the next stored message is lost; it is used up. */
  takeLostConfirm(): boolean {
    if (this.#confirmsToLose === 0) return false;
    this.#confirmsToLose -= 1;
    return true;
  }
}

import { encodeControl } from "../records/control-record.ts";
import type { GroupState } from "../state/broker-state.ts";
import type { AppendControl } from "./ack-writer.ts";

const STEP = 1000;

/**
 * Writes ahead how far deliveries may have come, in steps. After a crash only messages before the horizon can have
 * been delivered, so only they are marked as redelivered.
 */
export class DeliveryHorizon {
  readonly #state: GroupState;
  readonly #append: AppendControl;
  readonly #onMoved: () => void;
  #writing = false;

  constructor(state: GroupState, append: AppendControl, onMoved: () => void) {
    this.#state = state;
    this.#append = append;
    this.#onMoved = onMoved;
  }

  /** Whether a delivery of `offset` is covered. Asks for more in time; `onMoved` tells when there is. */
  covers(offset: number, waiting: number): boolean {
    const step = Math.max(STEP, waiting * 2);
    if (offset + step / 2 >= this.#state.horizon && !this.#writing) this.#extend(offset + step);
    return offset < this.#state.horizon;
  }

  #extend(target: number): void {
    this.#writing = true;
    const record = encodeControl({ kind: "horizon", group: this.#state.name, offset: target });
    this.#append([record])
      .then(() => {
        this.#state.horizon = Math.max(this.#state.horizon, target);
        this.#writing = false;
        this.#onMoved();
      })
      .catch(() => {
        // The log refused or failed; the next delivery asks again.
        this.#writing = false;
      });
  }
}

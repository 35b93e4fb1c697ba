import type { Clock } from "../ports/clock.ts";
import type { OutboxStore } from "../ports/outbox-store.ts";

/** At most one hint per this time goes to other processes. Milliseconds. */
const HINT_EVERY_MS = 1;

/**
 * Wakes the relay after a commit: the one in this process directly, others by a hint through the database. Losing
 * every ring loses nothing but milliseconds, because relays also poll.
 */
export interface Doorbell {
  ring(): void;
  /** Calls `listener` on every ring while it leads; until then rings go to other processes. */
  answerHere(listener: () => boolean): () => void;
}

export function createDoorbell(store: Pick<OutboxStore<never>, "nudge">, clock: Clock): Doorbell {
  const listeners = new Set<() => boolean>();
  let hinting = false;
  let again = false;

  function hint(): void {
    if (hinting) {
      again = true;
      return;
    }
    hinting = true;
    again = false;
    const rest = (): void => {
      clock.after(HINT_EVERY_MS, () => {
        hinting = false;
        if (again) hint();
      });
    };
    store.nudge().then(rest, rest);
  }

  return {
    ring() {
      let answered = false;
      for (const listener of listeners) answered = listener() || answered;
      if (!answered) hint();
    },
    answerHere(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/**
 * Runs work of one lane in order and different lanes side by side, at most `concurrency` at once. A lane is one
 * partition of one topic, so the order of every key is kept.
 */
export interface Lanes {
  /** Runs `work` after everything that entered its lane before. Settles as `work` does. */
  run<T>(lane: string, work: (slot: Slot) => Promise<T>): Promise<T>;
}

/** One of the `concurrency`, as the work has it that runs in it. */
export interface Slot {
  readonly isHeld: boolean;
  /** Lets another lane run; the own one still waits for the end of the work. */
  leave(): void;
  /** Waits for a slot again after `leave`. */
  take(): Promise<void>;
}

export function createLanes(concurrency: number): Lanes {
  const tails = new Map<string, Promise<void>>();
  const queue: (() => void)[] = [];
  let running = 0;

  async function enter(): Promise<void> {
    if (running >= concurrency) await new Promise<void>((resolve) => queue.push(resolve));
    else running += 1;
  }

  /** A slot passes directly to whoever waits longest. */
  function exit(): void {
    const next = queue.shift();
    if (next === undefined) running -= 1;
    else next();
  }

  class OwnSlot implements Slot {
    isHeld = true;

    leave(): void {
      if (!this.isHeld) return;
      this.isHeld = false;
      exit();
    }

    async take(): Promise<void> {
      if (this.isHeld) return;
      await enter();
      this.isHeld = true;
    }
  }

  async function inSlot<T>(work: (slot: Slot) => Promise<T>): Promise<T> {
    await enter();
    const slot = new OwnSlot();
    try {
      return await work(slot);
    } finally {
      slot.leave();
    }
  }

  return {
    run(lane, work) {
      const before = tails.get(lane);
      const result = before === undefined ? inSlot(work) : before.then(() => inSlot(work));
      const tail = result.then(
        () => undefined,
        () => undefined,
      );
      tails.set(lane, tail);
      void tail.then(() => {
        if (tails.get(lane) === tail) tails.delete(lane);
      });
      return result;
    },
  };
}

/**
 * Runs work of one lane in order and different lanes side by side, at most `concurrency` at once. A lane is one
 * partition of one topic, so the order of every key is kept.
 */
export interface Lanes {
  /** Runs `work` after everything that entered its lane before. Settles as `work` does. */
  run<T>(lane: string, work: () => Promise<T>): Promise<T>;
}

export function createLanes(concurrency: number): Lanes {
  const tails = new Map<string, Promise<void>>();
  const queue: (() => void)[] = [];
  let running = 0;

  async function slot(): Promise<void> {
    if (running >= concurrency) await new Promise<void>((resolve) => queue.push(resolve));
    else running += 1;
  }

  /** A slot passes directly to whoever waits longest. */
  function free(): void {
    const next = queue.shift();
    if (next === undefined) running -= 1;
    else next();
  }

  async function inSlot<T>(work: () => Promise<T>): Promise<T> {
    await slot();
    try {
      return await work();
    } finally {
      free();
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

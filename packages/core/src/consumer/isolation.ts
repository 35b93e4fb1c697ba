/**
 * Lets messages run side by side, and one that may kill the process run alone: then nothing else that runs can be taken
 * for the culprit. One for all consumers of a process.
 */
export interface Isolation {
  /** Runs `work` beside others, once nothing runs or waits to run alone. */
  beside<T>(work: () => Promise<T>): Promise<T>;
  /** Runs `work` once everything that runs has ended; what comes meanwhile waits. */
  alone<T>(work: () => Promise<T>): Promise<T>;
}

export function createIsolation(): Isolation {
  let running = 0;
  let whenIdle: (() => void) | null = null;
  let closed: PromiseWithResolvers<void> | null = null;

  return {
    async beside(work) {
      // Inline: an await between the last look and the count would let somebody close it meanwhile.
      for (let gate = closed; gate !== null; gate = closed) await gate.promise;
      running += 1;
      try {
        return await work();
      } finally {
        running -= 1;
        if (running === 0) whenIdle?.();
      }
    },
    async alone(work) {
      for (let gate = closed; gate !== null; gate = closed) await gate.promise;
      const mine = Promise.withResolvers<void>();
      closed = mine;
      try {
        if (running > 0) await new Promise<void>((resolve) => (whenIdle = resolve));
        return await work();
      } finally {
        whenIdle = null;
        closed = null;
        mine.resolve();
      }
    },
  };
}

import type { QueueEngine } from "@waybill/broker/queues";

/** Holds back that what was flushed is on disk. */
export interface Valve {
  readonly wrap: (engine: QueueEngine) => QueueEngine;
  readonly engine: QueueEngine;
  /** Flushes that are held back. */
  readonly waiting: number;
  close(): void;
  open(): void;
  /** Lets one of those through that were held back, counted from the first. */
  letThrough(index: number): Promise<void>;
  /** None of those that are held back succeeded. */
  fail(error: Error): void;
}

interface Held {
  readonly flushed: Promise<void>;
  readonly answer: PromiseWithResolvers<void>;
}

export function valveOn(): Valve {
  const held: Held[] = [];
  let isOpen = true;
  let wrapped: QueueEngine | undefined;
  const valve = {
    wrap(engine: QueueEngine): QueueEngine {
      wrapped = new Proxy(engine, {
        get(target, name) {
          if (name === "flush") return flush;
          const value: unknown = Reflect.get(target, name, target);
          return typeof value === "function" ? (value.bind(target) as unknown) : value;
        },
        set: (target, name, value) => Reflect.set(target, name, value, target),
      });
      const flush = (): Promise<void> => {
        const flushed = engine.flush();
        if (isOpen) return flushed;
        const answer = Promise.withResolvers<void>();
        held.push({ flushed, answer });
        return answer.promise;
      };
      return wrapped;
    },
    get engine() {
      if (wrapped === undefined) throw new Error("the valve is on no engine");
      return wrapped;
    },
    get waiting() {
      return held.length;
    },
    close: () => (isOpen = false),
    open() {
      isOpen = true;
      for (const { flushed, answer } of held.splice(0)) void flushed.then(answer.resolve, answer.reject);
    },
    async letThrough(index: number) {
      const one = held[index];
      if (one === undefined) throw new Error(`no flush ${index} is held back`);
      await one.flushed;
      one.answer.resolve();
    },
    fail(error: Error) {
      for (const { answer } of held.splice(0)) answer.reject(error);
    },
  };
  return valve;
}

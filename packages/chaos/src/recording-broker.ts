import type { Broker, Envelope, Fence } from "@waybill/core";

/** A broker that confirms everything and remembers it, and can be held before it confirms. */
export interface RecordingBroker extends Broker {
  /** In the order in which it was published, repetitions included. */
  readonly published: readonly Envelope[];
  readonly fences: readonly Fence[];
  /** Publishes from now on wait until the answer is called. */
  hold(): () => void;
  /** Publishes that wait now. */
  readonly held: number;
}

export function recordingBroker(): RecordingBroker {
  const published: Envelope[] = [];
  const fences: Fence[] = [];
  let gate: Promise<void> | null = null;
  let held = 0;
  return {
    name: "recording",
    features: {
      orderedByKey: true,
      fencing: false,
      prefixAcceptance: true,
      deduplicates: false,
      durable: false,
      payloadBytesMax: 1_000_000,
    },
    published,
    fences,
    get held() {
      return held;
    },
    hold() {
      const opened = Promise.withResolvers<void>();
      gate = opened.promise;
      return () => {
        gate = null;
        opened.resolve();
      };
    },
    open: () => Promise.resolve(),
    declare: () => Promise.resolve(),
    declareGroup: () => Promise.resolve(),
    fence: (fence) => {
      fences.push(fence);
      return Promise.resolve();
    },
    publish: async (batch) => {
      held += 1;
      await gate;
      held -= 1;
      published.push(...batch);
      return batch.map(() => ({ kind: "confirmed" }));
    },
    subscribe: () => Promise.reject(new Error("the recording broker delivers nothing")),
    health: () => Promise.resolve({ status: "up", detail: "" }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

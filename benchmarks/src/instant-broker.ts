import type { Broker, PublishResult } from "@waybill/core";

const CONFIRMED: PublishResult = { kind: "confirmed" };

/** A broker that confirms at once and keeps nothing: what is measured is the relay alone. */
export function instantBroker(onPublished: (count: number) => void): Broker {
  return {
    name: "instant",
    features: {
      orderedByKey: true,
      fencing: true,
      prefixAcceptance: true,
      deduplicates: false,
      durable: false,
      payloadBytesMax: Number.MAX_SAFE_INTEGER,
    },
    open: () => Promise.resolve(),
    declare: () => Promise.resolve(),
    declareGroup: () => Promise.resolve(),
    fence: () => Promise.resolve(),
    publish: (batch) => {
      onPublished(batch.length);
      return Promise.resolve(batch.map(() => CONFIRMED));
    },
    subscribe: () => Promise.reject(new Error("the instant broker delivers nothing")),
    health: () => Promise.resolve({ status: "up", detail: "" }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

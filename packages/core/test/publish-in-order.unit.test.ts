import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { memoryBroker, WaybillError, type Broker, type Envelope, type PublishResult } from "../src/index.ts";
import { publishInOrder, type PublishContext } from "../src/relay/publish-in-order.ts";

const KEYS = 7;

/** A generator of whole numbers below a bound: one seed, one run. */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function messages(count: number, random: (below: number) => number): Envelope[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `m${index}`,
    source: "orders",
    topic: random(4) === 0 ? "free" : "kept",
    version: 1,
    key: random(10) === 0 ? null : `k${random(KEYS)}`,
    partition: 0,
    headers: {},
    contentType: "application/json",
    payload: new Uint8Array(),
    createdAt: 0,
    position: null,
  }));
}

const nameOf = ({ topic, key }: Envelope): string => `${topic}/${key}`;
const isOrdered = ({ topic, key }: Envelope): boolean => topic === "kept" && key !== null;

/** A broker that may refuse one message and take the next, answers calls in any order, and notes what it took. */
function moodyBroker(random: (below: number) => number, faults: boolean) {
  const taken: Envelope[] = [];
  const flying = new Map<string, number>();
  let together = 0;
  const decide = (envelope: Envelope): PublishResult => {
    const mood = faults ? random(20) : 20;
    if (mood > 2) {
      taken.push(envelope);
      return { kind: "confirmed" };
    }
    if (mood === 2) return { kind: "unknown", error: new Error("the line is cut") };
    const error = new WaybillError("BROKER_REFUSED", "no");
    return { kind: "rejected", error, retryable: mood === 0 };
  };
  const broker: Broker = {
    ...memoryBroker(),
    name: "moody",
    features: { ...memoryBroker().features, prefixAcceptance: false },
    async publish(batch) {
      for (const envelope of batch.filter((one) => isOrdered(one))) {
        const count = (flying.get(nameOf(envelope)) ?? 0) + 1;
        flying.set(nameOf(envelope), count);
        together = Math.max(together, count);
      }
      for (let turns = random(4); turns >= 0; turns -= 1) await turn();
      const results = batch.map((envelope) => decide(envelope));
      for (const envelope of batch.filter((one) => isOrdered(one)))
        flying.set(nameOf(envelope), (flying.get(nameOf(envelope)) ?? 0) - 1);
      return results;
    },
  };
  return { broker, taken, together: () => together };
}

function contextOf(broker: Broker): PublishContext & { readonly troubles: Error[] } {
  const troubles: Error[] = [];
  const signal = new AbortController().signal;
  return {
    broker,
    gate: {
      opened: async () => undefined,
      succeeded: () => undefined,
      failed: (error) => void troubles.push(error),
      tryNow: () => false,
      trouble: null,
    },
    keeper: {
      lease: { owner: "o", epoch: 1, incarnation: "i", renewedBecause: null },
      signal,
      assertHeld: async () => undefined,
      verify: async () => undefined,
      lose: () => new WaybillError("LEASE_LOST", "lost"),
      loseToHigherEpoch: async () => new WaybillError("LEASE_LOST", "lost"),
      stop: () => undefined,
    },
    source: "orders",
    timeoutMs: 1_000,
    orderOf: (topic) => (topic === "free" ? "parking" : "blocking"),
    blocked: new Set(),
    troubles,
  };
}

/** Whether the messages of each ordered key stand in the order of the batch. */
function expectOrder(taken: readonly Envelope[], batch: readonly Envelope[]): void {
  const last = new Map<string, number>();
  for (const envelope of taken.filter((one) => isOrdered(one))) {
    const place = batch.indexOf(envelope);
    expect(place).toBeGreaterThan(last.get(nameOf(envelope)) ?? -1);
    last.set(nameOf(envelope), place);
  }
}

test.each(Array.from({ length: 40 }, (_, seed) => seed + 1))(
  "every message ends once, in the order of its key, whatever a broker refuses or loses (seed %i)",
  async (seed) => {
    const random = seeded(seed);
    const batch = messages(1 + random(2_000), random);
    const { broker, taken, together } = moodyBroker(random, true);
    const context = contextOf(broker);
    const { confirmed, refused, behind } = await publishInOrder(batch, context);
    const ended = [...confirmed, ...refused.map(({ envelope }) => envelope), ...behind];
    expect(ended).toHaveLength(batch.length);
    expect(new Set(ended).size).toBe(batch.length);
    expect(together()).toBeLessThanOrEqual(1);
    expectOrder(taken, batch);
    // What was refused for a time holds up all later ones of its key, and nothing else.
    const places = new Map<string, number>();
    for (const { envelope, retryable } of refused)
      if (retryable && isOrdered(envelope)) places.set(nameOf(envelope), batch.indexOf(envelope));
    for (const envelope of taken.filter((one) => isOrdered(one)))
      expect(batch.indexOf(envelope)).toBeLessThan(places.get(nameOf(envelope)) ?? Number.POSITIVE_INFINITY);
    for (const envelope of behind)
      expect(batch.indexOf(envelope)).toBeGreaterThan(
        places.get(nameOf(envelope)) ?? Number.POSITIVE_INFINITY,
      );
    expect(context.troubles.length > 0 || taken.length < 200).toBe(true);
  },
);

test("a message that follows another of its key is published when that one is confirmed, not when all are", async () => {
  const order: string[] = [];
  const slow = Promise.withResolvers<void>();
  const { broker } = moodyBroker(seeded(1), false);
  const answer = async (batch: readonly Envelope[]): Promise<readonly PublishResult[]> => {
    order.push(batch.map(({ id }) => id).join(" "));
    if (batch.some(({ key }) => key === "slow")) await slow.promise;
    return batch.map(() => ({ kind: "confirmed" }));
  };
  const [model] = messages(1, seeded(3));
  if (model === undefined) throw new Error("no message");
  const first = Array.from({ length: 250 }, (_, index) => ({
    ...model,
    topic: "kept",
    key: `k${index}`,
    id: "f",
  }));
  const batch = [
    ...first,
    { ...model, topic: "kept", key: "slow", id: "slow" },
    { ...model, topic: "kept", key: "k0", id: "second" },
    { ...model, topic: "kept", key: "k0", id: "third" },
  ];
  const published = publishInOrder(batch, contextOf({ ...broker, publish: answer }));
  while (order.length < 4) await turn();
  expect(order.slice(1)).toEqual(["slow", "second", "third"]);
  slow.resolve();
  expect((await published).confirmed).toHaveLength(batch.length);
});

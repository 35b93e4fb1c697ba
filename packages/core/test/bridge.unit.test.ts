import { randomUUID } from "node:crypto";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import {
  bridge,
  createWaybill,
  defineTopic,
  memoryBroker,
  memoryStorage,
  partitionOf,
  type BridgeOptions,
  type Broker,
  type Envelope,
  type MemoryBroker,
  type WaybillEvent,
} from "../src/index.ts";
import { eventually } from "./support/eventually.ts";
import { manualCron } from "./support/manual-cron.ts";

const TOPIC = "order.placed";
const INCARNATION = randomUUID();
const GROUPS = { inventory: [TOPIC], billing: [TOPIC] };

/** The `sequence`-th message of a key, as if its source had one partition. */
function message(key: string | null, sequence: number, change: Partial<Envelope> = {}): Envelope {
  const id = randomUUID();
  return {
    id,
    source: "orders",
    topic: TOPIC,
    version: 1,
    key,
    partition: partitionOf(key, id, 32),
    headers: { tenant: "t1" },
    contentType: "application/json",
    payload: Buffer.from(JSON.stringify({ order: key, no: sequence })),
    createdAt: 1_700_000_000_000 + sequence,
    position: { incarnation: INCARNATION, sequence },
    ...change,
  };
}

async function opened(options: { payloadBytesMax?: number } = {}): Promise<MemoryBroker> {
  const broker = memoryBroker(options);
  await broker.open();
  onTestFinished(() => broker[Symbol.asyncDispose]());
  return broker;
}

async function publishAll(broker: Broker, batch: readonly Envelope[]): Promise<void> {
  const results = await broker.publish(batch, { fence: null, timeoutMs: 1_000 });
  expect(results.filter(({ kind }) => kind !== "confirmed")).toEqual([]);
}

/** Takes `count` messages of a group away. Answers what came, other groups' copies too. */
async function take(broker: Broker, group: string, count: number): Promise<Envelope[]> {
  const got: Envelope[] = [];
  const subscription = await broker.subscribe({ group, topics: [TOPIC], prefetch: 1 }, async (delivery) => {
    if (got.length === count) return { kind: "requeue" };
    got.push(delivery.envelope);
    return { kind: "ack" };
  });
  await eventually(`${count} messages of ${group}, not ${got.length}`, () => got.length === count);
  await subscription.close();
  return got;
}

/** What a group is meant to get at the target, in order, until it has `count` different messages. */
async function meantFor(broker: Broker, group: string, count: number): Promise<Envelope[]> {
  const got: Envelope[] = [];
  const subscription = await broker.subscribe(
    { group, topics: [TOPIC], prefetch: 1 },
    async ({ envelope }) => {
      if (envelope.headers["waybill-group"] === group) got.push(envelope);
      return { kind: "ack" };
    },
  );
  await eventually(`${count} messages for ${group}`, () => new Set(got.map(({ id }) => id)).size === count);
  await subscription.close();
  return got;
}

function between(from: Broker, to: Broker, change: Partial<BridgeOptions> = {}): BridgeOptions {
  return { from, to, groups: GROUPS, untilIdleMs: 60, pauseMaxMs: 20, ...change };
}

/** A source with `backlog` for both groups. */
async function sourceWith(backlog: readonly Envelope[]): Promise<MemoryBroker> {
  const from = await opened();
  for (const group of Object.keys(GROUPS)) await from.declareGroup(group, [TOPIC]);
  await publishAll(from, backlog);
  return from;
}

test("every group gets its own backlog in order, however far the others are", async () => {
  const backlog = Array.from({ length: 10 }, (_, sequence) => message("o1", sequence));
  const from = await sourceWith(backlog);
  const to = await opened();
  await take(from, "billing", 6);
  const { ended, groups } = await bridge(between(from, to));
  expect(ended).toBe("idle");
  expect(groups).toEqual({
    inventory: { read: 10, published: 10, confirmed: 10, rejected: 0, behind: 0, notMeant: 0 },
    billing: { read: 4, published: 4, confirmed: 4, rejected: 0, behind: 0, notMeant: 0 },
  });
  const addressed = (group: string, envelopes: readonly Envelope[]): Envelope[] =>
    envelopes.map((one) => ({ ...one, headers: { ...one.headers, "waybill-group": group } }));
  expect(await meantFor(to, "inventory", 10)).toEqual(addressed("inventory", backlog));
  expect(await meantFor(to, "billing", 4)).toEqual(addressed("billing", backlog.slice(6)));
  const again = await bridge(between(from, to));
  expect(again.groups["inventory"]).toMatchObject({ read: 0 });
  expect(again.groups["billing"]).toMatchObject({ read: 0 });
});

test("a copy for one group is nothing to the consumers of the others, and the relay's own copy still counts", async () => {
  const Placed = defineTopic(TOPIC, {
    version: 1,
    schema: z.object({ order: z.string(), no: z.number() }),
    key: ({ order }) => order,
  });
  const backlog = [message("o1", 0), message("o1", 1)];
  const from = await sourceWith(backlog);
  const to = await opened();
  await take(from, "billing", 1);
  await bridge(between(from, to));
  const waybill = createWaybill({
    source: "orders",
    storage: memoryStorage(),
    broker: to,
    cron: manualCron(),
  });
  onTestFinished(() => waybill.stop({ deadlineMs: 500 }));
  const effects: Record<string, number[]> = { inventory: [], billing: [] };
  for (const [group, seen] of Object.entries(effects))
    waybill.consumer(group).on(Placed, ({ no }) => void seen.push(no));
  await waybill.start({ relay: false });
  // As a relay would that had not learnt of the confirm before the move.
  await publishAll(to, [...backlog, message("o1", 2)]);
  await eventually("all effects", () => effects["billing"]?.includes(2) === true);
  await eventually("all effects", () => effects["inventory"]?.includes(2) === true);
  expect(effects["inventory"]).toEqual([0, 1, 2]);
  // The relay's copy of 0 is new to this inbox of billing: its effect was made through the old broker's.
  expect(effects["billing"]).toEqual([1, 0, 2]);
});

test("a target that goes away and loses confirms gets the same again; nothing is acknowledged before its confirm", async () => {
  const backlog = Array.from({ length: 40 }, (_, sequence) => message(`o${sequence % 4}`, sequence));
  const from = await sourceWith(backlog);
  const to = await opened();
  to.faults.loseConfirm(7);
  const events: WaybillEvent[] = [];
  let pauses = 0;
  const run = bridge(
    between(from, to, {
      prefetch: 5,
      onEvent: (event) => {
        events.push(event);
        if (event.type !== "bridge.paused") return;
        pauses += 1;
        if (pauses === 1) to.faults.goDown();
        if (pauses === 3) to.faults.comeUp();
      },
    }),
  );
  const { groups } = await run;
  expect(pauses).toBeGreaterThanOrEqual(3);
  expect(events.some(({ type }) => type === "bridge.resumed")).toBe(true);
  for (const group of Object.keys(GROUPS)) {
    expect(groups[group]).toMatchObject({ confirmed: 40, rejected: 0 });
    const got = await meantFor(to, group, 40);
    for (const key of ["o0", "o1", "o2", "o3"]) {
      const firsts = new Set(got.filter((one) => one.key === key).map(({ id }) => id));
      expect([...firsts]).toEqual(backlog.filter((one) => one.key === key).map(({ id }) => id));
    }
  }
});

test("what the target refuses stays at the source with what follows in its key, and is reported; others pass", async () => {
  const large = message("o1", 1, { payload: Buffer.alloc(2_000) });
  const backlog = [message("o1", 0), large, message("o2", 2), message("o1", 3), message(null, 4)];
  const from = await sourceWith(backlog);
  const to = await opened({ payloadBytesMax: 1_000 });
  const events: WaybillEvent[] = [];
  const groups = { inventory: [TOPIC] };
  const first = await bridge(between(from, to, { groups, onEvent: (event) => events.push(event) }));
  expect(first.groups["inventory"]).toMatchObject({ read: 5, confirmed: 3, rejected: 1, behind: 1 });
  expect(events.filter(({ type }) => type === "bridge.rejected")).toMatchObject([
    { group: "inventory", message: { id: large.id }, error: { code: "PAYLOAD_TOO_LARGE" } },
  ]);
  const left = await take(from, "inventory", 2);
  expect(left.map(({ id }) => id)).toEqual([large.id, backlog[3]?.id]);
});

test("a refusal that passes is tried again, before what follows in its key", async () => {
  const backlog = [message("o1", 0), message("o1", 1), message("o2", 2)];
  const from = await sourceWith(backlog);
  const to = await opened();
  to.faults.rejectNext(({ id }) => id === backlog[0]?.id, { retryable: true, times: 3 });
  const groups = { inventory: [TOPIC] };
  const report = await bridge(between(from, to, { groups }));
  expect(report.groups["inventory"]).toMatchObject({ confirmed: 3, rejected: 0 });
  const got = await meantFor(to, "inventory", 3);
  expect(got.filter(({ key }) => key === "o1").map(({ id }) => id)).toEqual([backlog[0]?.id, backlog[1]?.id]);
});

test("a source that is down is not idle", async () => {
  const from = await sourceWith([]);
  const to = await opened();
  const groups = { inventory: [TOPIC] };
  const subscribe = from.subscribe.bind(from);
  let wentDown = false;
  from.subscribe = async (...args) => {
    const subscription = await subscribe(...args);
    from.faults.goDown();
    wentDown = true;
    return subscription;
  };
  let hasEnded = false;
  const run = bridge(between(from, to, { groups }));
  void run.then(() => (hasEnded = true));
  await eventually("the source went down", () => wentDown);
  const start = performance.now();
  await eventually("five idle times are over", () => performance.now() - start > 300);
  expect(hasEnded).toBe(false);
  from.faults.comeUp();
  await publishAll(from, [message("o1", 0)]);
  expect((await run).groups["inventory"]).toMatchObject({ confirmed: 1 });
});

test("copies for other groups, left by an earlier move, are not carried on", async () => {
  const from = await sourceWith([message("o1", 0)]);
  const second = await opened();
  const third = await opened();
  await bridge(between(from, second));
  const { groups } = await bridge(between(second, third));
  for (const group of Object.keys(GROUPS))
    expect(groups[group]).toMatchObject({ read: 2, confirmed: 1, notMeant: 1 });
});

test("a signal ends it; what was not confirmed stays at the source in its order", async () => {
  const backlog = [message("o1", 0), message("o1", 1), message("o1", 2)];
  const from = await sourceWith(backlog);
  const to = await opened();
  const stop = new AbortController();
  const groups = { inventory: [TOPIC] };
  const { untilIdleMs: _idle, ...untilTold } = between(from, to, { groups, stopDeadlineMs: 20 });
  to.faults.loseConfirm(1_000);
  const run = bridge({
    ...untilTold,
    signal: stop.signal,
    onEvent: ({ type }) => type === "bridge.paused" && stop.abort(),
  });
  await expect(run).resolves.toMatchObject({ ended: "stopped", groups: { inventory: { confirmed: 0 } } });
  const left = await take(from, "inventory", 3);
  expect(left.map(({ id }) => id)).toEqual(backlog.map(({ id }) => id));
});

test("refuses one broker as both, no groups, and a group without topics", async () => {
  const from = await opened();
  const to = await opened();
  const refused = { code: "OPTIONS_INVALID" };
  await expect(bridge({ from, to: from, groups: GROUPS })).rejects.toMatchObject(refused);
  await expect(bridge({ from, to, groups: {} })).rejects.toMatchObject(refused);
  await expect(bridge({ from, to, groups: { inventory: [] } })).rejects.toMatchObject(refused);
});

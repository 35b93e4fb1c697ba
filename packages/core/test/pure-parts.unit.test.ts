import { expect, test } from "vitest";
import { exponential, fixed, type Envelope, type OutboxRow } from "../src/index.ts";
import { createLanes } from "../src/consumer/lanes.ts";
import { allotPositions } from "../src/relay/allot-positions.ts";
import { byKey } from "../src/relay/key-order.ts";

function envelope(topic: string, key: string | null, partition: number): Envelope {
  return {
    id: `${topic}-${key}`,
    source: "orders",
    topic,
    version: 1,
    key,
    partition,
    headers: {},
    contentType: "application/json",
    payload: new Uint8Array(),
    createdAt: 0,
    position: null,
  };
}

function row(
  rowId: number,
  over: Partial<OutboxRow> & { partition?: number; topic?: string } = {},
): OutboxRow {
  const { partition = 0, topic = "a", ...rest } = over;
  return { rowId, envelope: envelope(topic, "k", partition), deliverAt: null, expiresAt: null, ...rest };
}

test("positions count up per topic and partition from where the last chunk ended", () => {
  const rows = [row(1), row(2, { partition: 1 }), row(3), row(4, { topic: "b" })];
  const allotted = allotPositions(rows, { now: 0, incarnation: "i", sequences: new Map([["a/0", 7]]) });
  expect(allotted.publish.map(({ position }) => position?.sequence)).toEqual([7, 0, 8, 0]);
  expect(allotted.sequences).toEqual(
    new Map([
      ["a/0", 9],
      ["a/1", 1],
      ["b/0", 1],
    ]),
  );
});

test("delayed and expired rows take no position", () => {
  const rows = [
    row(1, { deliverAt: 11 }),
    row(2, { expiresAt: 10 }),
    row(3, { deliverAt: 10, expiresAt: 11 }),
  ];
  const allotted = allotPositions(rows, { now: 10, incarnation: "i", sequences: new Map() });
  expect(allotted.delayed.map(({ rowId }) => rowId)).toEqual([1]);
  expect(allotted.expired.map(({ rowId }) => rowId)).toEqual([2]);
  expect(allotted.publish).toHaveLength(1);
});

test("the same rows in chunks of any size get the same positions", () => {
  const rows = Array.from({ length: 100 }, (_, index) => row(index, { partition: index % 7 }));
  const inChunks = (size: number): (number | undefined)[] => {
    const sequences = new Map<string, number>();
    const given: (number | undefined)[] = [];
    for (let start = 0; start < rows.length; start += size) {
      const allotted = allotPositions(rows.slice(start, start + size), {
        now: 0,
        incarnation: "i",
        sequences,
      });
      for (const [stream, sequence] of allotted.sequences) sequences.set(stream, sequence);
      given.push(...allotted.publish.map(({ position }) => position?.sequence));
    }
    return given;
  };
  expect(inChunks(1)).toEqual(inChunks(100));
  expect(inChunks(13)).toEqual(inChunks(100));
});

test("the first of each ordered key is ready, and all that nothing orders; the rest follows in order", () => {
  const pending = [
    envelope("a", "1", 0),
    envelope("a", "1", 0),
    envelope("a", null, 0),
    envelope("a", null, 0),
    envelope("free", "1", 0),
    envelope("free", "1", 0),
    envelope("a", "2", 0),
    envelope("a", "1", 0),
  ];
  const { ready, following } = byKey(pending, (topic) => (topic === "free" ? "parking" : "blocking"));
  const places = (some: readonly Envelope[]): number[] => some.map((one) => pending.indexOf(one));
  expect(places(ready)).toEqual([0, 2, 3, 4, 5, 6]);
  expect([...following].map(([key, behind]) => [key, places(behind)])).toEqual([["a/1", [1, 7]]]);
});

test("exponential pauses grow to their maximum and end with the attempts", () => {
  const policy = exponential({ firstMs: 100, factor: 2, maxMs: 300, attempts: 5 });
  expect([1, 2, 3, 4, 5].map((failed) => policy.delayMs(failed, 0))).toEqual([0, 100, 200, 300, null]);
  expect(policy.delayMs(4, 0.999)).toBeGreaterThan(260);
});

test("fixed pauses stay the same", () => {
  const policy = fixed({ everyMs: 50, attempts: 3 });
  expect([1, 2, 3].map((failed) => policy.delayMs(failed, 0))).toEqual([50, 50, null]);
});

test.each([0, -1, Number.NaN])("a policy with %d attempts is refused", (attempts) => {
  expect(() => fixed({ everyMs: 1, attempts })).toThrow(expect.objectContaining({ code: "OPTIONS_INVALID" }));
});

test("lanes keep their own order, run side by side, and never more than allowed", async () => {
  const lanes = createLanes(2);
  const finished: string[] = [];
  let running = 0;
  let most = 0;
  const work = (name: string) => async (): Promise<void> => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    finished.push(name);
  };
  await Promise.all(
    ["a1", "a2", "b1", "a3", "b2", "c1"].map((name) => lanes.run(name.slice(0, 1), work(name))),
  );
  expect(most).toBe(2);
  for (const lane of ["a", "b"]) {
    const own = finished.filter((name) => name.startsWith(lane));
    expect(own).toEqual([...own].sort());
  }
});

test("work that leaves its slot lets another lane run, its own still waits, and it gets a slot again", async () => {
  const lanes = createLanes(1);
  const steps: string[] = [];
  const mayEnd = Promise.withResolvers<void>();
  const first = lanes.run("a", async (slot) => {
    steps.push("a1 begins");
    slot.leave();
    slot.leave();
    await mayEnd.promise;
    expect(slot.isHeld).toBe(false);
    await slot.take();
    steps.push("a1 goes on");
  });
  const second = lanes.run("a", async () => void steps.push("a2"));
  const others = ["b", "c"].map((name) => lanes.run(name, async () => void steps.push(name)));
  await Promise.all(others);
  expect(steps).toEqual(["a1 begins", "b", "c"]);
  mayEnd.resolve();
  await Promise.all([first, second]);
  expect(steps.slice(3)).toEqual(["a1 goes on", "a2"]);
  const running: number[] = [];
  let now = 0;
  await Promise.all(
    ["a", "b", "c"].map((name) =>
      lanes.run(name, async () => {
        running.push((now += 1));
        await new Promise((resolve) => setImmediate(resolve));
        now -= 1;
      }),
    ),
  );
  expect(Math.max(...running), "no slot was won or lost").toBe(1);
});

test("a lane goes on after work that failed", async () => {
  const lanes = createLanes(1);
  await expect(lanes.run("a", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(await lanes.run("a", () => Promise.resolve(1))).toBe(1);
});

import { expect, test } from "vitest";
import { manualClock } from "@waybill/conformance";
import type { Verdict } from "@waybill/core";
import { Committer } from "../src/consume/committer.ts";
import { Dispatcher } from "../src/consume/dispatcher.ts";
import { Lane } from "../src/consume/lane.ts";
import { shareOut } from "../src/consume/topic-assigner.ts";
import { message } from "./kafka-fixture.ts";

function laneWith(offsets: readonly number[], applied: readonly (readonly [number, number])[] = []): Lane {
  const lane = new Lane("t", 0);
  lane.begin(offsets[0] ?? 0, 0, applied);
  lane.horizon = Infinity;
  for (const offset of offsets) lane.add(offset, message("t"));
  return lane;
}

function takeAll(lane: Lane): ReturnType<Lane["peek"]>[] {
  const taken: ReturnType<Lane["peek"]>[] = [];
  for (let entry = lane.peek(); entry !== null; entry = lane.peek()) {
    lane.take(entry);
    taken.push(entry);
  }
  return taken;
}

test("a lane is applied up to its first open message, over the holes that ends of transactions leave", () => {
  const lane = laneWith([10, 11, 14, 15]);
  const [a, b, c, d] = takeAll(lane);
  if (!a || !b || !c || !d) throw new Error("four messages");
  lane.done(b);
  lane.done(d);
  expect(lane.appliedTo).toBe(10);
  expect(lane.noteFor(8, 20)).toBe("waybill partitions=8 horizon=20 applied=1,5");
  lane.done(a);
  expect(lane.appliedTo).toBe(14);
  lane.done(c);
  expect(lane.appliedTo).toBe(16);
  expect(lane.noteFor(8, 20)).toBe("waybill partitions=8 horizon=20");
});

test("what was applied ahead before is not handed out again, fetched before or after that is known", () => {
  const known = laneWith([10, 11, 12, 13], [[1, 2]]);
  expect(takeAll(known).map((entry) => entry?.offset)).toEqual([10, 13]);
  const early = new Lane("t", 0);
  for (const offset of [10, 11, 12, 13]) early.add(offset, message("t"));
  expect(early.peek()).toBeNull();
  early.begin(10, 13, [[1, 2]]);
  expect(takeAll(early).map((entry) => entry?.offset)).toEqual([10, 13]);
});

test("a message that is fetched twice is handed out once", () => {
  const lane = laneWith([10, 11]);
  lane.add(10, message("t"));
  lane.add(11, message("t"));
  expect(lane.waitingCount).toBe(2);
});

test("nothing beyond the horizon is handed out before that was recorded, with what was applied", async () => {
  const clock = manualClock();
  const handedOut: string[] = [];
  const commits: { offset: string; metadata: string }[] = [];
  const lane = new Lane("t", 3);
  const committer = new Committer({
    clock,
    commitMs: 50,
    lanes: () => dispatcher.lanes,
    partitionsOf: () => 8,
    commit: async (batch) => void commits.push(...batch),
    onCommitted: () => dispatcher.pump(),
    onFailed: (error) => {
      throw error;
    },
  });
  const dispatcher = new Dispatcher({
    prefetch: 10,
    clock,
    onDelivery: ({ envelope }) => {
      handedOut.push(envelope.id);
      return Promise.resolve({ kind: "ack" });
    },
    mayDeliver: () => true,
    onApplied: () => committer.soon(),
    onHorizon: () => committer.now(),
    onRoom: () => undefined,
  });
  dispatcher.assign([lane]);
  lane.begin(5, 5, []);
  lane.add(5, message("t"));
  dispatcher.pump();
  expect(handedOut).toEqual([]);
  clock.advance(1);
  await expect.poll(() => handedOut.length).toBe(1);
  expect(commits).toMatchObject([{ offset: "5", metadata: "waybill partitions=8 horizon=1005" }]);
  await committer.finish();
  expect(commits.at(-1)).toMatchObject({ offset: "6", metadata: "waybill partitions=8 horizon=6" });
});

test("a verdict that comes after the lane was released moves nothing", async () => {
  const clock = manualClock();
  const late = Promise.withResolvers<Verdict>();
  let applied = 0;
  const dispatcher = new Dispatcher({
    prefetch: 1,
    clock,
    onDelivery: () => late.promise,
    mayDeliver: () => true,
    onApplied: () => (applied += 1),
    onHorizon: () => undefined,
    onRoom: () => undefined,
  });
  dispatcher.assign([laneWith([1, 2])]);
  dispatcher.pump();
  expect(dispatcher.release()).toBe(1);
  late.resolve({ kind: "ack" });
  await late.promise;
  await Promise.resolve();
  expect([applied, dispatcher.inFlight]).toEqual([0, 0]);
});

test("partitions are shared evenly among the members that take their topic", () => {
  const members = [
    { memberId: "b", topics: ["x", "y"] },
    { memberId: "a", topics: ["x"] },
  ];
  const shares = shareOut(members, ["x", "y"], (topic) => (topic === "x" ? [2, 0, 1, 3] : [0, 1]));
  expect(Object.fromEntries(shares)).toEqual({ a: { x: [0, 2] }, b: { x: [1, 3], y: [0, 1] } });
});

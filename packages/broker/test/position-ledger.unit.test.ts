import { describe, expect, test } from "vitest";
import { PositionLedger } from "../src/positions/position-ledger.ts";

const LIMITS = { partitionsMax: 3, rangesMax: 8, idsMax: 1_000 };
const place = (partition: number) => ({ source: "orders", topic: "order.placed", partition });
const kindOf = (ledger: PositionLedger, partition: number, sequence: number, id = `m${sequence}`): string =>
  ledger.of(place(partition), "i").check(sequence, id).kind;

function filled(ledger: PositionLedger, partition: number, sequences: Iterable<number>): void {
  for (const sequence of sequences) ledger.of(place(partition), "i").add(sequence, `m${sequence}`);
}

function* upTo(end: number, step = 1): Generator<number> {
  for (let value = 0; value < end; value += step) yield value;
}

describe("a ledger", () => {
  test("knows the ids of the latest 1,024 messages of a partition, and every position", () => {
    const ledger = new PositionLedger();
    filled(ledger, 0, upTo(3_000));
    expect(kindOf(ledger, 0, 2_999)).toBe("duplicate");
    expect(kindOf(ledger, 0, 1_976)).toBe("duplicate");
    expect(kindOf(ledger, 0, 1_975)).toBe("forgotten");
    expect(kindOf(ledger, 0, 2_999, "another")).toBe("reused");
    expect(kindOf(ledger, 0, 3_000)).toBe("new");
  });

  test("what is on its way is known, and no more once it was abandoned", () => {
    const ledger = new PositionLedger();
    const partition = ledger.of(place(0), "i");
    partition.begin(0, "m0");
    expect(kindOf(ledger, 0, 0)).toBe("duplicate");
    expect(kindOf(ledger, 0, 0, "another")).toBe("reused");
    expect([...ledger.snapshot(10)]).toEqual([]);
    partition.abandon(0, "m0");
    expect(kindOf(ledger, 0, 0)).toBe("new");
  });

  test("is the same after its snapshot was read, in pieces of any size", () => {
    const ledger = new PositionLedger();
    filled(ledger, 0, upTo(900, 3));
    filled(ledger, 1, upTo(20));
    const later = new PositionLedger();
    for (const piece of ledger.snapshot(7)) later.addRanges(piece);
    for (const piece of ledger.ids(7)) later.addIds(piece);
    for (const sequence of upTo(900)) expect(kindOf(later, 0, sequence)).toBe(kindOf(ledger, 0, sequence));
    expect([...later.snapshot(1_000)]).toEqual([...ledger.snapshot(1_000)]);
    expect([...later.ids(1_000)]).toEqual([...ledger.ids(1_000)]);
  });

  test("names that run into each other are kept apart", () => {
    const ledger = new PositionLedger();
    ledger.of({ source: "a", topic: "bc", partition: 1 }, "i").add(0, "m0");
    for (const [source, topic, incarnation] of [
      ["ab", "c", "i"],
      ["a", "b", "ci"],
      ["", "abc", "i"],
    ] as const)
      expect(ledger.of({ source, topic, partition: 1 }, incarnation).check(0, "m0").kind).toBe("new");
  });
});

describe("a ledger with limits forgets, and takes nothing for stored that it forgot", () => {
  test("the partitions that it knows longest", () => {
    const ledger = new PositionLedger(LIMITS);
    for (const partition of upTo(4)) filled(ledger, partition, [5]);
    expect([3, 2, 1].map((partition) => kindOf(ledger, partition, 5))).toEqual([
      "duplicate",
      "duplicate",
      "duplicate",
    ]);
    expect(kindOf(ledger, 0, 5)).toBe("new");
  });

  test("the lowest ranges of a partition", () => {
    const ledger = new PositionLedger(LIMITS);
    filled(ledger, 0, upTo(10_000, 2));
    expect([...ledger.snapshot(100)].flatMap(({ ranges }) => ranges).length).toBeLessThanOrEqual(8);
    expect(kindOf(ledger, 0, 2)).toBe("new");
    expect(kindOf(ledger, 0, 9_998)).toBe("duplicate");
  });

  test("the oldest ids of all partitions together", () => {
    const ledger = new PositionLedger(LIMITS);
    filled(ledger, 0, upTo(600));
    filled(ledger, 1, upTo(600));
    expect([...ledger.ids(10_000)].flatMap(({ ids }) => ids)).toHaveLength(1_000);
    expect(kindOf(ledger, 0, 199)).toBe("forgotten");
    expect(kindOf(ledger, 0, 200)).toBe("duplicate");
  });
});

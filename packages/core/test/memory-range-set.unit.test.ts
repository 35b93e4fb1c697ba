import { array, assert, nat, property, tuple } from "fast-check";
import { expect, test } from "vitest";
import { RangeSet } from "../src/memory/range-set.ts";

test("it holds what was added and nothing else, in as few ranges as there are runs", () => {
  assert(
    property(array(nat({ max: 60 })), (numbers) => {
      const model = new Set<number>();
      const ranges = new RangeSet();
      for (const number of numbers) {
        ranges.add(number);
        model.add(number);
      }
      for (let number = 0; number <= 61; number += 1) expect(ranges.has(number)).toBe(model.has(number));
      expect(ranges.rangeCount).toBe([...model].filter((number) => !model.has(number + 1)).length);
    }),
    { seed: 1 },
  );
});

test("a hundred thousand dense numbers take one range", () => {
  const ranges = new RangeSet();
  for (let number = 0; number < 100_000; number += 1) ranges.add(number);
  expect(ranges.rangeCount).toBe(1);
});

test("whole ranges can be added, never touch afterwards, and leave the gaps they should", () => {
  const additions = array(tuple(nat({ max: 60 }), nat({ max: 6 })), { maxLength: 40 });
  assert(
    property(additions, (pairs) => {
      const model = new Set<number>();
      const set = new RangeSet();
      for (const [start, length] of pairs) {
        set.add(start, start + length);
        for (let value = start; value < start + length; value += 1) model.add(value);
      }
      for (let value = 0; value < 70; value += 1) expect(set.has(value)).toBe(model.has(value));
      let end = -1;
      for (const [start, rangeEnd] of set.ranges()) {
        expect(start).toBeGreaterThan(end);
        expect(rangeEnd).toBeGreaterThan(start);
        end = rangeEnd;
      }
      let gap = 0;
      while (model.has(gap)) gap += 1;
      expect(set.firstGap(0)).toBe(gap);
    }),
    { seed: 1 },
  );
});

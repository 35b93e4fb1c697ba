import { array, assert, nat, property } from "fast-check";
import { expect, test } from "vitest";
import { RangeSet } from "../src/memory/range-set.ts";

test("it holds what was added and nothing else, in as few ranges as there are runs", () => {
  assert(
    property(array(nat({ max: 60 })), (numbers) => {
      const model = new Set<number>();
      const ranges = new RangeSet();
      for (const number of numbers) {
        expect(ranges.add(number)).toBe(!model.has(number));
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

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RangeSet } from "@waybill/broker/internal";

describe("RangeSet", () => {
  test("behaves like a set of numbers, and its ranges never touch", () => {
    const additions = fc.array(fc.tuple(fc.nat(60), fc.nat(6)), { maxLength: 40 });
    fc.assert(
      fc.property(additions, (pairs) => {
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
    );
  });
});

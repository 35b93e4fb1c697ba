import { expect, test } from "vitest";
import { LineLimit } from "../src/broker/line-limit.ts";

test("so many lines a second are written, and the next one says how many were not", () => {
  let now = 0;
  const limit = new LineLimit(3, () => now);
  const written = () => Array.from({ length: 10 }, () => limit.next()).filter(({ isWritten }) => isWritten);
  expect(written()).toEqual(Array.from({ length: 3 }, () => ({ isWritten: true, omitted: 0 })));
  now = 999;
  expect(written()).toEqual([]);
  now = 1_000;
  expect(written().map(({ omitted }) => omitted)).toEqual([17, 0, 0]);
});

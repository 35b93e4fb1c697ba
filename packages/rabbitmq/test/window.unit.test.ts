import { expect, test } from "vitest";
import { Acknowledgements } from "../src/consume/acknowledgements.ts";
import { Window } from "../src/publish/window.ts";

function windowOf(count: number): Window<number> {
  const window = new Window<number>();
  for (let tag = 1; tag <= count; tag += 1) window.push(tag);
  return window;
}

test("each confirmed tag is taken out once, in any order", () => {
  const window = windowOf(5);
  expect([3, 1, 3, 2, 9, 0].map((tag) => window.take(tag))).toEqual([3, 1, null, 2, null, null]);
  expect(window.size).toBe(2);
});

test("a confirm of many takes what is left up to its tag, in order", () => {
  const window = windowOf(6);
  window.take(2);
  expect(window.takeUpTo(4)).toEqual([1, 3, 4]);
  expect(window.takeUpTo(4)).toEqual([]);
  expect(window.takeUpTo(Number.MAX_SAFE_INTEGER)).toEqual([5, 6]);
  expect(window.size).toBe(0);
});

test("tags go on counting when the window was emptied thousands of times", () => {
  const window = new Window<number>();
  let next = 1;
  for (let round = 0; round < 3_000; round += 1) {
    for (let count = 0; count < 3; count += 1) window.push(next + count);
    expect(window.take(next + 1)).toBe(next + 1);
    expect(window.takeUpTo(next + 2)).toEqual([next, next + 2]);
    next += 3;
  }
});

test("the oldest match is found, and not what was taken", () => {
  const window = windowOf(6);
  window.take(2);
  expect(window.find((tag) => tag % 2 === 0)).toBe(4);
  expect(window.find((tag) => tag > 6)).toBeNull();
});

test("deliveries are acknowledged together up to the first that is not applied, and one by one beyond", () => {
  const acknowledgements = new Acknowledgements();
  for (let tag = 1; tag <= 6; tag += 1) acknowledgements.delivered(tag);
  expect([2, 1, 5, 4].map((tag) => acknowledgements.applied(tag))).toEqual([true, false, false, false]);
  expect(acknowledgements.take()).toEqual({ upTo: 2, single: [5, 4] });
  expect(acknowledgements.take()).toEqual({ upTo: 0, single: [] });
  expect(acknowledgements.applied(3)).toBe(true);
  expect(acknowledgements.applied(3)).toBe(false);
  expect(acknowledgements.take()).toEqual({ upTo: 3, single: [] });
  acknowledgements.applied(6);
  expect(acknowledgements.take()).toEqual({ upTo: 6, single: [] });
});

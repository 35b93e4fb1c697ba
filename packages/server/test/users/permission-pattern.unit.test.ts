import { expect, test } from "vitest";
import { permissionPattern } from "../../src/users/permission-pattern.ts";

test.each([
  [".*", "anything", true],
  [".*", "", true],
  ["", "anything", false],
  ["^$", "anything", false],
  ["orders", "my-orders-2", true],
  ["^orders\\.", "orders.placed", true],
  ["^orders\\.", "my.orders.placed", false],
  ["^(amq\\.gen.*|amq\\.default)$", "amq.gen-Abc", true],
  ["^(amq\\.gen.*|amq\\.default)$", "amq.direct", false],
  ["(?i)^ORDERS$", "orders", true],
  ["^äöü$", "äöü", true],
])("%j about %j: %j", (pattern, name, answer) => {
  expect(permissionPattern(pattern).matches(name)).toBe(answer);
});

test.each([
  ["a parenthesis that is not closed", "(orders", /missing closing \)/],
  ["look-around", "^(?!secret)", /look-around and back references are not supported/],
  ["a back reference", "(a)\\1", /look-around and back references are not supported/],
  ["one that unrolls to millions of states", "((a{1000}){1000}){1000}", /invalid repeat count/],
  ["one that is too long", "a".repeat(513), /at most 512/],
])("%s is refused", (_name, pattern, message) => {
  expect(() => permissionPattern(pattern)).toThrow(SyntaxError);
  expect(() => permissionPattern(pattern)).toThrow(message);
});

test.each(["^(a+)+$", "^(a|aa)+$", "^(.*a){20}$", "(x+x+)+y"])(
  "%s, which keeps a backtracking engine busy for years, is answered at once",
  (text) => {
    const name = `${"a".repeat(253)}!`;
    const pattern = permissionPattern(text);
    const startedAt = performance.now();
    expect(pattern.matches(name)).toBe(false);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  },
);

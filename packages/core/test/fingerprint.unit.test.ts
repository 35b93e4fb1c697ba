import { describe, expect, test } from "vitest";
import { errorWithStack, revivedError } from "../src/errors/recorded-error.ts";
import { fingerprintOf, Unprocessable, WaybillError } from "../src/index.ts";

function failed(message: string, change: { name?: string; code?: string; stack?: string } = {}): Error {
  const error = new Error(message);
  error.stack = `Error: ${message}\n    at reserve (/srv/a/stock.js:10:5)\n    at run (/srv/a/run.js:1:1)`;
  return Object.assign(error, change);
}

const of = (error: Error, group = "stock", topic = "order.placed"): string =>
  fingerprintOf({ group, topic, error });

describe("the fingerprint of a failure", () => {
  test.each([
    ["numbers", "only 3 of 17.5 left", "only 12 of 9,001 left"],
    ["UUIDs", "no 0190a000-0000-7000-8000-000000000001", "no 0190A000-ffff-7000-8000-00000000abcd"],
    ["hex numbers", "at 0xdeadBEEF in 9f86d081884c", "at 0x1 in 2c26b46b68ff"],
    ["quoted values", `no "tea" of 'leaf' in \`shop\``, `no "coffee" of 'bean' in \`cellar\``],
    ["times", "at 2024-01-01T10:00:00Z", "at 2025-12-31T23:59:59Z"],
    ["white space", "a  b\n c", "a b c"],
  ])("does not depend on %s", (_what, one, other) => {
    expect(of(failed(one))).toBe(of(failed(other)));
  });

  test("does not depend on lines and folders, and looks past libraries for where it was thrown", () => {
    const moved = "Error: x\n    at reserve (file:///app/build/stock.js:99:1)";
    const library =
      "Error: x\n    at parse (/srv/node_modules/pg/parser.js:1:1)\n    at process (node:internal/x:1:1)";
    expect(of(failed("x", { stack: moved }))).toBe(of(failed("x")));
    expect(of(failed("x", { stack: library + moved.slice("Error: x".length) }))).toBe(of(failed("x")));
    expect(of(failed("x", { stack: library }))).not.toBe(of(failed("x")));
  });

  test.each([
    ["the message", of(failed("out of coffee"))],
    ["words with apostrophes", of(failed("it can't, it isn't"))],
    ["the name", of(failed("out of tea", { name: "StockError" }))],
    ["the code", of(failed("out of tea", { code: "23505" }))],
    ["the function", of(failed("out of tea", { stack: "Error: x\n    at release (/srv/a/stock.js:1:1)" }))],
    ["the file", of(failed("out of tea", { stack: "Error: x\n    at reserve (/srv/a/cellar.js:1:1)" }))],
    ["the group", of(failed("out of tea"), "mail")],
    ["the topic", of(failed("out of tea"), "stock", "order.changed")],
  ])("tells %s apart", (_what, other) => {
    expect(other).not.toBe(of(failed("out of tea")));
  });

  test("is 12 hex digits, also for an error without a stack", () => {
    expect(of(failed("x", { stack: "" }))).toMatch(/^[0-9a-f]{12}$/);
  });
});

describe("a recorded error", () => {
  test("has name, code, stack and causes, within 16 KiB", () => {
    const cause = new WaybillError("UNROUTABLE", "no group", { cause: "a wire" });
    const error = Object.assign(new Unprocessable("out of tea"), { code: "T1", cause });
    const text = errorWithStack(error);
    expect(text).toMatch(
      /^Unprocessable \[T1\]: out of tea\n +at .*\ncaused by: WaybillError \[UNROUTABLE\]: no group\n.*caused by: a wire$/s,
    );
    expect(errorWithStack(new Error("x".repeat(50_000)))).toHaveLength(16_384);
  });

  test.each([
    Object.assign(new Unprocessable("out of tea"), { code: "T1" }),
    new TypeError("two\nlines: with\n    no frame"),
    new Error("with a cause", { cause: new Error("below") }),
    new Error(""),
  ])("comes back with the same fingerprint: %s", (error) => {
    const revived = revivedError(errorWithStack(error));
    expect(revived.message).toBe(error.message);
    expect(of(revived)).toBe(of(error));
    expect(errorWithStack(revived)).toBe(errorWithStack(error));
  });

  test("that is only a message comes back as one", () => {
    expect(revivedError("the message finally failed")).toMatchObject({
      name: "Error",
      message: "the message finally failed",
    });
  });
});

import { expect, test } from "vitest";
import { checkSource, sourceLinesMax } from "../source-rules.ts";

const inCore = "packages/core/src/relay/relay.ts";

test.each([
  "const now = Date.now();",
  "const now = new Date();",
  "const now = new Date;",
  "const random = Math.random();",
  "setTimeout(resolve, 10);",
  "const timer = setInterval(tick, 10);",
  "const now = performance.now();",
  "const now = process.hrtime.bigint();",
  'import { readFile } from "node:fs/promises";',
  'import { connect } from "node:net";',
  'import { setTimeout as delay } from "node:timers/promises";',
  'import { randomUUID } from "node:crypto";',
])("core reaches the outside world only through ports: %s", (line) => {
  expect(checkSource(inCore, `${line}\n`)[0]).toMatchObject({ file: inCore, line: 1 });
  expect(checkSource("packages/core/src/ports/clock.ts", line)).toEqual([]);
  expect(checkSource("packages/core/src/system/system-clock.ts", line)).toEqual([]);
  expect(checkSource("packages/postgres/src/storage.ts", line)).toEqual([]);
});

test.each([
  "const then = new Date(millis);",
  "// Date.now() would break the simulator",
  "/** Like\n * setTimeout, but simulated. */",
  'const url = "https://example.org";',
  "export interface Update { at: Date }",
])("harmless: %s", (line) => {
  expect(checkSource(inCore, line)).toEqual([]);
});

test("tells the line behind a comment of several lines", () => {
  expect(checkSource(inCore, "/*\n *\n */\nDate.now();\n")).toMatchObject([{ line: 4 }]);
});

test("a file may have as many lines as the rule says, and no more", () => {
  expect(checkSource("packages/cli/src/main.ts", "x;\n".repeat(sourceLinesMax))).toEqual([]);
  expect(checkSource("packages/cli/src/main.ts", "x;\n".repeat(sourceLinesMax + 1))).toHaveLength(1);
});

test("published sources use nothing that the oldest supported Node lacks", () => {
  const line = "using stack = new DisposableStack();";
  expect(checkSource("packages/postgres/src/storage.ts", line)).toHaveLength(1);
  expect(checkSource("packages/services/src/index.ts", line)).toEqual([]);
});

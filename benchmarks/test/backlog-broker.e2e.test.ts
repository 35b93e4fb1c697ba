import { expect, test } from "vitest";
import { measureBrokerBacklog } from "../src/backlog-broker.ts";

const MESSAGES = 1_000_000;
const RSS_BYTES_MAX = 400 * 1_048_576;

test("a million messages that nobody consumes cost no memory, survive a kill, are there at once and drain", async () => {
  const run = await measureBrokerBacklog(MESSAGES);
  expect(run.waiting).toBe(MESSAGES);
  expect(run.openMs).toBeLessThan(5000);
  expect(run.mostBytes).toBeLessThan(RSS_BYTES_MAX);
  expect(run.drainPerSecond).toBeGreaterThan(0);
});

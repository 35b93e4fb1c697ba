import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test, vi } from "vitest";
import { nativeBroker } from "@waybill/broker";

const CYCLES = 10;
const KEYS = 7;
const CHILD = fileURLToPath(new URL("fixtures/crash-child.ts", import.meta.url));

interface Told {
  attempted: number;
  confirmed: number;
  readonly delivered: number[];
}

/** Runs the child until it confirmed `count` more messages, then kills it without warning. */
async function runAndKill(dataDir: string, told: Told, count: number): Promise<void> {
  const goal = told.confirmed + count;
  const childArguments = ["--conditions=waybill-source", CHILD, dataDir, String(told.confirmed)];
  const child = spawn(process.execPath, childArguments, { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const exited = once(child, "exit");
  for await (const line of createInterface({ input: child.stdout })) {
    const [kind, number] = line.split(" ");
    const value = Number(number);
    if (kind === "a") told.attempted = Math.max(told.attempted, value);
    if (kind === "c") told.confirmed = Math.max(told.confirmed, value);
    if (kind === "d") told.delivered.push(value);
    if (told.confirmed >= goal) child.kill("SIGKILL");
  }
  expect(await exited).toEqual([null, "SIGKILL"]);
}

/** Everything that a group still gets after the last recovery, by index. */
async function drain(
  dataDir: string,
  group: string,
  until: (indexes: readonly number[]) => boolean,
): Promise<number[]> {
  await using broker = nativeBroker({ dataDir, segmentBytes: 256 * 1024, fillAheadBytes: 64 * 1024 });
  await broker.open();
  const indexes: number[] = [];
  const subscription = await broker.subscribe(
    { group, topics: ["order.placed"], prefetch: 100 },
    ({ envelope }) => {
      indexes.push(Number(envelope.id.slice("message-".length)));
      return Promise.resolve({ kind: "ack" });
    },
  );
  await vi.waitFor(() => expect(until(indexes)).toBe(true), { timeout: 30_000, interval: 10 });
  await subscription.close();
  return indexes;
}

function expectOrderPerKey(indexes: readonly number[]): void {
  const last = new Map<number, number>();
  for (const index of indexes) {
    expect(index).toBeGreaterThan(last.get(index % KEYS) ?? -1);
    last.set(index % KEYS, index);
  }
}

test(`${CYCLES} times kill -9: every confirmed message is delivered, in the order of its key, and nothing else`, async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "waybill-crash-"));
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
  const told: Told = { attempted: 0, confirmed: 0, delivered: [] };
  for (let cycle = 0; cycle < CYCLES; cycle += 1) {
    await runAndKill(dataDir, told, 200 + ((cycle * 379) % 900));
  }
  const hasAll = (indexes: readonly number[]): boolean => new Set(indexes).size >= told.confirmed;

  // Republished after each crash from the first unconfirmed one, with the same ids and positions: once in the log.
  const audit = await drain(dataDir, "audit", hasAll);
  expect(new Set(audit).size).toBe(audit.length);
  expect(Math.max(...audit)).toBeLessThan(told.attempted);
  expectOrderPerKey(audit);

  const delivered = new Set(told.delivered);
  const rest = await drain(dataDir, "worker", (indexes) => {
    const all = delivered.union(new Set(indexes));
    return audit.every((index) => all.has(index));
  });
  expect(delivered.union(new Set(rest))).toEqual(new Set(audit));
  expectOrderPerKey(rest);
});

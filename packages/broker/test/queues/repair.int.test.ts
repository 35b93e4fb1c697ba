import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { provenOffsetOf } from "@waybill/broker/internal";
import { repairLog } from "@waybill/log";
import { Client, numbered, openClient, openEngine, temporaryDirectory } from "./engine-fixture.ts";

const SMALL = { segmentBytes: 16_384, fillAheadBytes: 8192 };
const COUNT = 400;

/** A data directory with one queue full of messages, closed cleanly: the last thing in its log is a snapshot. */
async function stored(): Promise<{ dataDir: string; proven: number }> {
  const dataDir = await temporaryDirectory();
  const client = await openClient(dataDir, SMALL);
  await client.declare("q");
  for (let next = 0; next < COUNT; next += 10) await client.send("q", ...numbered(next, next + 10));
  await client.engine.close();
  return { dataDir, proven: await provenOffsetOf(dataDir) };
}

/** Breaks the batch in which these bytes stand, the last time that they do. */
async function damage(dataDir: string, bytes: Buffer): Promise<void> {
  const names = (await readdir(join(dataDir, "log"))).filter((name) => name.endsWith(".log")).toSorted();
  for (const name of names.toReversed()) {
    const path = join(dataDir, "log", name);
    const contents = await readFile(path);
    const at = contents.lastIndexOf(bytes);
    if (at === -1) continue;
    contents[at]! ^= 0x20;
    return writeFile(path, contents);
  }
  throw new Error("nothing was damaged");
}

async function drainRepaired(dataDir: string, provenOffset: number): Promise<string[]> {
  const { lost } = await repairLog(dataDir, { apply: true, provenOffset });
  expect(lost).toHaveLength(1);
  const engine = await openEngine(dataDir, SMALL);
  const host = engine.virtualHost("/");
  if (host === undefined) throw new Error("the virtual host is gone");
  return new Client(engine, host).drain("q");
}

test("messages that were lost are left out, and all others are there", async () => {
  const { dataDir, proven } = await stored();
  await damage(dataDir, Buffer.from("205"));
  const texts = await drainRepaired(dataDir, proven);
  expect(texts).toEqual([...numbered(0, 200), ...numbered(210, COUNT)]);
});

test("without the last snapshot the log itself says what is in the queues", async () => {
  const { dataDir, proven } = await stored();
  await damage(dataDir, Buffer.from('"lastQueueId"'));
  const texts = await drainRepaired(dataDir, proven);
  expect(texts).toEqual(numbered(0, COUNT));
});

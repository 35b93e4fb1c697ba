import type { Log } from "@waybill/log";
import type { Engine } from "../engine/engine.ts";
import type { OffsetRun } from "../queue/offset-queue.ts";
import type { FindStored } from "../queue/queue-surroundings.ts";
import { decodePart, isSnapshot, PART } from "../records/snapshot-record.ts";
import type { QueueDraft } from "./queue-draft.ts";
import { Replay, unreadable } from "./replay.ts";

/** What recovery could not find again. */
export interface LostRange {
  readonly fromOffset: number;
  readonly toOffset: number;
}

/**
 * Brings an engine that has just been made to the state that the log describes: the snapshot at `snapshotOffset`, if
 * there is one, and then everything behind it. Answers what a repair gave up.
 */
export async function recover(engine: Engine, log: Log, snapshotOffset: number | null): Promise<LostRange[]> {
  const replay = new Replay(engine);
  const isUsable = snapshotOffset !== null && (await isWhole(log, snapshotOffset));
  const snapshotAt = isUsable ? snapshotOffset : await newestSnapshot(log);
  const replayFrom = snapshotAt === null ? log.firstOffset : await loadSnapshot(replay, log, snapshotAt);
  const lost: LostRange[] = [];
  const records = log.records(Math.max(replayFrom, log.firstOffset), ({ fromOffset, toOffset, reason }) => {
    if (reason === "lost") lost.push({ fromOffset, toOffset });
  });
  for await (const { offset, data } of records) replay.apply(offset, data);
  for (const { fromOffset, toOffset } of lost) replay.lost(fromOffset, toOffset);
  for (const [queueId, draft] of replay.drafts) await restoreQueue(engine, log, queueId, draft);
  for (const [offset, dueAt] of replay.delayed) engine.delayed.add(dueAt, offset);
  for (const [virtualHost, { count, bytes }] of replay.delayedBytes)
    engine.hosts.get(virtualHost)?.delayedBytes.restore(count, bytes);
  return lost;
}

/** A repair gave up nothing of the snapshot that begins at `snapshotOffset`. */
async function isWhole(log: Log, snapshotOffset: number): Promise<boolean> {
  let isLost = false;
  const records = log.records(Math.max(snapshotOffset, log.firstOffset), ({ reason }) => {
    isLost ||= reason === "lost";
  });
  for await (const { data } of records) {
    if (isLost || (isSnapshot(data) && decodePart(data).part === PART.end)) return !isLost;
  }
  // Without an end it is judged when it is loaded.
  return !isLost;
}

/** Without a usable checkpoint: where the last whole snapshot begins, or `null`. Reads the whole log. */
async function newestSnapshot(log: Log): Promise<number | null> {
  let begin: number | null = null;
  let newest: number | null = null;
  const records = log.records(log.firstOffset, ({ reason }) => {
    if (reason === "lost") begin = null;
  });
  for await (const { offset, data } of records) {
    if (!isSnapshot(data)) continue;
    const { part } = decodePart(data);
    if (part === PART.meta) begin = offset;
    if (part === PART.end) newest = begin ?? newest;
  }
  return newest;
}

async function loadSnapshot(replay: Replay, log: Log, snapshotOffset: number): Promise<number> {
  let replayFrom = snapshotOffset;
  for await (const { offset, data } of log.records(snapshotOffset)) {
    // Whatever stands where the snapshot should begin is judged as any record.
    if (offset === snapshotOffset) replay.apply(offset, data);
    if (!isSnapshot(data)) continue;
    const applied = replay.snapshot(data);
    if (applied === "end") return replayFrom;
    if (applied !== "more") ({ replayFrom } = applied);
  }
  throw unreadable(`the snapshot at record ${snapshotOffset} has no end`);
}

async function restoreQueue(engine: Engine, log: Log, queueId: number, draft: QueueDraft): Promise<void> {
  const queue = engine.queues.get(queueId);
  if (queue === undefined) return;
  const places = draft.places();
  const { horizon, returns, mayExpire } = draft;
  // Such a queue is as small as its limit, so its sizes are read anew.
  const sizes = queue.policy.maxLengthBytes === null ? null : await bodySizes(engine, places.runs());
  queue.horizon = horizon;
  const flagBelow = Math.min(horizon, log.nextOffset);
  const storedBytes = draft.bytesOf(places.size);
  queue.restore({ places, sizes, flagBelow, returns, mayExpire, storedBytes });
}

async function bodySizes(engine: Engine, runs: Iterable<OffsetRun>): Promise<number[]> {
  const sizes: number[] = [];
  let find: FindStored = () => null;
  for (const { first, delta, count } of runs) {
    for (let index = 0; index < count; index += 1) {
      const offset = (first + delta * index) / 2;
      let found = find(offset);
      if (found === null) {
        find = await engine.read(offset);
        found = find(offset);
      }
      sizes.push(found === null || found === "lost" ? 0 : found.body.length);
    }
  }
  return sizes;
}

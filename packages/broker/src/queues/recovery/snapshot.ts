import type { RecordSource } from "@waybill/log";
import type { Engine } from "../engine/engine.ts";
import type { Held } from "../queue/held.ts";
import type { EncodedOffsets } from "../queue/offset-queue.ts";
import { OffsetQueue } from "../queue/offset-queue.ts";
import type { Queue } from "../queue/queue.ts";
import type { ReturnCount } from "../records/marks-record.ts";
import { encodeReturns } from "../records/marks-record.ts";
import { encodePositions } from "../records/positions-record.ts";
import type { SnapshotPart } from "../records/snapshot-record.ts";
import {
  encodeJsonPart,
  encodeOffsetsPart,
  encodePairsPart,
  encodePart,
  encodeRecordPart,
  PART,
} from "../records/snapshot-record.ts";
import { encodeTopology } from "../records/topology-record.ts";
import { storedTopology } from "../topology/stored-topology.ts";

const PIECE_BYTES = 32 * 1024;
const PAIRS_MAX = 2000;

/** One queue as it stood when the snapshot was taken. */
interface QueueState {
  readonly queue: Queue;
  readonly horizon: number;
  readonly averageBytes: number;
  /** What is near the head, unsettled or dying, by offset. */
  readonly near: readonly Held[];
  /** The rest, as it is kept in memory: twice the offset, plus 1 for transient ones. */
  readonly places: EncodedOffsets;
  readonly persistent: EncodedOffsets | null;
}

/** The whole state at one moment. Taking it copies little; writing it may take its time. */
export interface Snapshot {
  readonly replayFrom: number;
  readonly queues: readonly QueueState[];
  readonly delayed: readonly (readonly [dueAt: number, offset: number])[];
  records(): Generator<RecordSource>;
}

/** @param isFinal nothing is delivered any more, so what was delivered is known exactly */
export function takeSnapshot(engine: Engine, isFinal: boolean): Snapshot {
  const replayFrom = engine.commits.offeredOffset;
  const { lastQueueId, positions } = engine;
  const topology = Array.from(storedTopology(engine.hosts.values()), encodeTopology);
  const unsettled = unsettledByQueue(engine);
  const queues = Array.from(engine.queues.values(), (queue): QueueState => {
    const { near, index } = queue.stored();
    const nearby = [...near, ...queue.dying, ...(unsettled.get(queue) ?? [])];
    nearby.sort((one, other) => one.offset - other.offset);
    return {
      queue,
      horizon: isFinal ? queue.deliveredEnd : queue.horizon,
      averageBytes: queue.bytes.average,
      near: nearby,
      places: index.encode(),
      persistent: queue.isStored ? index.persistent() : null,
    };
  });
  const delayed = [...engine.delayed.entries()];
  const delayedBytes = Array.from(engine.hosts.values(), ({ name, delayedBytes: { count, bytes } }) => ({
    virtualHost: name,
    count,
    bytes,
  }));
  const moved = [...engine.store.moved];
  return {
    replayFrom,
    queues,
    delayed,
    *records() {
      yield encodeJsonPart(PART.meta, { replayFrom, lastQueueId, delayed: delayedBytes });
      for (const record of topology) yield encodeRecordPart(PART.topology, record);
      for (const state of queues) yield* queueRecords(state);
      // They are known when they are on disk, so those of the meantime may be among them.
      for (const change of positions.snapshot())
        yield encodeRecordPart(PART.positions, encodePositions(change));
      yield* pairRecords(PART.delayed, delayed);
      yield* pairRecords(PART.moved, moved);
      yield encodePart(PART.end, Buffer.alloc(0));
    },
  };
}

function unsettledByQueue(engine: Engine): Map<Queue, Held[]> {
  const byQueue = new Map<Queue, Held[]>();
  for (const session of engine.sessions) {
    for (const { queue, held } of session.unsettled) {
      const unsettled = byQueue.get(queue);
      if (unsettled === undefined) byQueue.set(queue, [held]);
      else unsettled.push(held);
    }
  }
  return byQueue;
}

function* queueRecords({
  queue,
  horizon,
  averageBytes,
  near,
  persistent,
}: QueueState): Generator<RecordSource> {
  if (persistent === null) return;
  const { id, mayExpire } = queue;
  yield encodeJsonPart(PART.queue, { id, horizon, mayExpire, averageBytes });
  const lasting = near.filter(({ isTransient }) => !isTransient);
  const offsets = new OffsetQueue();
  for (const { offset } of lasting) offsets.append(offset * 2);
  yield* offsetRecords(PART.near, id, offsets.encode());
  yield* offsetRecords(PART.index, id, persistent);
  const counts: ReturnCount[] = lasting.filter(({ returns }) => returns > 0);
  for (const [offset, returns] of queue.stored().index.returns()) counts.push({ offset, returns });
  for (let at = 0; at < counts.length; at += PAIRS_MAX) {
    yield encodeRecordPart(PART.returns, encodeReturns(id, counts.slice(at, at + PAIRS_MAX)));
  }
}

/** In pieces, none of which cuts a token. */
function* offsetRecords(
  part: SnapshotPart,
  queueId: number,
  encoded: EncodedOffsets,
): Generator<RecordSource> {
  const { base, last, size } = encoded;
  let gathered: Uint8Array[] = [];
  let bytes = 0;
  for (const chunk of encoded.chunks) {
    if (bytes > 0 && bytes + chunk.length > PIECE_BYTES) {
      yield encodeOffsetsPart(part, { queueId, base, last, size, tokens: Buffer.concat(gathered) });
      gathered = [];
      bytes = 0;
    }
    gathered.push(chunk);
    bytes += chunk.length;
  }
  if (bytes > 0)
    yield encodeOffsetsPart(part, { queueId, base, last, size, tokens: Buffer.concat(gathered) });
}

function* pairRecords(
  part: SnapshotPart,
  pairs: readonly (readonly [number, number])[],
): Generator<RecordSource> {
  for (let at = 0; at < pairs.length; at += PAIRS_MAX)
    yield encodePairsPart(part, pairs.slice(at, at + PAIRS_MAX));
}

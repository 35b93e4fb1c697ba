import { WaybillError } from "@waybill/core";
import { DELAYED_QUEUE_ID } from "../delay/delayed-messages.ts";
import type { Engine } from "../engine/engine.ts";
import { MessageBytes } from "../queue/message-bytes.ts";
import type { OffsetRun } from "../queue/offset-queue.ts";
import { decodeLinks, mayExpire } from "../records/content-record.ts";
import { copiedFrom } from "../records/copy-record.ts";
import { isReadable, KIND } from "../records/kinds.ts";
import { decodeAcks, decodeHorizons, decodeReturns } from "../records/marks-record.ts";
import { decodePositions } from "../records/positions-record.ts";
import type { QueueMeta, SnapshotMeta } from "../records/snapshot-record.ts";
import { decodeOffsets, decodePairs, decodePart, PART } from "../records/snapshot-record.ts";
import type { TopologyChange } from "../records/topology-record.ts";
import { decodeTopology } from "../records/topology-record.ts";
import { QueueDraft } from "./queue-draft.ts";

/** Applies a snapshot and then the records of the log, in order, to an engine that has just been made. */
export class Replay {
  readonly drafts = new Map<number, QueueDraft>();
  readonly #engine: Engine;
  /** When they are due, by offset. */
  readonly #delayed = new Map<number, number>();
  /** What they take in each virtual host. */
  readonly #delayedBytes = new Map<string, MessageBytes>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  get delayed(): ReadonlyMap<number, number> {
    return this.#delayed;
  }

  get delayedBytes(): ReadonlyMap<string, MessageBytes> {
    return this.#delayedBytes;
  }

  /** Applies one piece of the snapshot; answers the offset to go on from when it was the first one. */
  snapshot(data: Buffer): { readonly replayFrom: number } | "more" | "end" {
    const { part, body } = decodePart(data);
    switch (part) {
      case PART.meta: {
        const meta = JSON.parse(body.toString()) as SnapshotMeta;
        this.#sawQueueId(meta.lastQueueId);
        for (const { virtualHost, count, bytes } of meta.delayed ?? [])
          this.#delayedBytesOf(virtualHost).restore(count, bytes);
        return meta;
      }
      case PART.topology:
        this.#topology(decodeTopology(body));
        return "more";
      case PART.queue: {
        const meta = JSON.parse(body.toString()) as QueueMeta;
        const { id, horizon, mayExpire: expires, averageBytes = 0 } = meta;
        const draft = this.#draft(id);
        draft.averageBytes = averageBytes;
        draft.horizon = horizon;
        draft.mayExpire = expires;
        return "more";
      }
      case PART.near: {
        const piece = decodeOffsets(body);
        this.#draft(piece.queueId).nearPiece(piece);
        return "more";
      }
      case PART.index: {
        const piece = decodeOffsets(body);
        this.#draft(piece.queueId).indexPiece(piece);
        return "more";
      }
      case PART.positions:
        this.#positions(body);
        return "more";
      case PART.returns:
        this.#returns(body);
        return "more";
      case PART.delayed:
        decodePairs(body, (dueAt, offset) => this.#delayed.set(offset, dueAt));
        return "more";
      case PART.moved:
        decodePairs(body, (offset, at) => this.#engine.store.moved.set(offset, at));
        return "more";
      case PART.end:
        return "end";
      default:
        throw unreadable(`part ${part} of a snapshot is not known`);
    }
  }

  apply(offset: number, data: Buffer): void {
    if (!isReadable(data))
      throw unreadable(`record ${offset} has version ${data[1]}, written by a newer Waybill`);
    switch (data[0] ?? 0) {
      case KIND.content:
        return this.#content(offset, data);
      case KIND.topology:
        return this.#topology(decodeTopology(data));
      case KIND.acks:
        return decodeAcks(data, (queueId, run) => this.#done(queueId, run));
      case KIND.horizon:
        return decodeHorizons(data, (queueId, horizon) => {
          const draft = this.drafts.get(queueId);
          if (draft !== undefined) draft.horizon = Math.max(draft.horizon, horizon);
        });
      case KIND.returns:
        return this.#returns(data);
      case KIND.copy:
        this.#engine.store.moved.set(copiedFrom(data), offset);
        return;
      case KIND.positions:
        return this.#positions(data);
      case KIND.snapshot:
        return;
      default:
        throw unreadable(
          (data[0] ?? 0) < KIND.content
            ? "it belongs to an embedded broker. Give the server a folder of its own, and move messages with `waybill bridge`"
            : `record ${offset} has kind ${data[0]}, which is not known`,
        );
    }
  }

  /** Nothing is in `[start, end)` of the log any more. */
  lost(start: number, end: number): void {
    for (const draft of this.drafts.values()) draft.done(start, end);
    for (const offset of this.#delayed.keys())
      if (offset >= start && offset < end) this.#delayed.delete(offset);
  }

  #content(offset: number, data: Buffer): void {
    const { isTransient, queueIds, movedFrom, delayed, positionsId } = decodeLinks(data);
    if (positionsId !== undefined) this.#engine.positions.storedMessage(positionsId, data);
    if (movedFrom !== null) this.#done(movedFrom.queueId, { first: movedFrom.offset, delta: 1, count: 1 });
    if (delayed !== null && !isTransient) {
      this.#delayed.set(offset, delayed.dueAt);
      this.#delayedBytesOf(delayed.virtualHost).add(data.length);
    }
    if (movedFrom?.queueId === DELAYED_QUEUE_ID) {
      // It is in the same virtual host as before, and about as large.
      const host = this.#engine.queues.get(queueIds[0] ?? 0)?.virtualHost;
      if (host !== undefined) this.#delayedBytesOf(host).remove(data.length);
    }
    for (const queueId of queueIds) {
      this.#sawQueueId(queueId);
      const draft = this.drafts.get(queueId);
      if (draft === undefined || isTransient) continue;
      draft.add(offset, data.length);
      if (!draft.mayExpire) draft.mayExpire = mayExpire(data);
    }
  }

  #done(queueId: number, { first, delta, count }: OffsetRun): void {
    if (queueId === DELAYED_QUEUE_ID) {
      for (let index = 0; index < count; index += 1) this.#delayed.delete(first + delta * index);
      return;
    }
    const draft = this.drafts.get(queueId);
    if (draft === undefined) return;
    if (delta === 1 || count === 1) draft.done(first, first + count);
    else
      for (let index = 0; index < count; index += 1)
        draft.done(first + delta * index, first + delta * index + 1);
  }

  #returns(data: Buffer): void {
    decodeReturns(data, (queueId, { offset, returns }) =>
      this.drafts.get(queueId)?.returns.set(offset, returns),
    );
  }

  #positions(data: Buffer): void {
    const change = decodePositions(data);
    const { positions, hosts } = this.#engine;
    positions.sawId(change.id);
    if (change.op === "stored") return positions.find(change.id)?.ledger.addRanges(change);
    if (change.op === "ids") return positions.find(change.id)?.ledger.addIds(change);
    const exchange = hosts.get(change.virtualHost)?.exchanges.get(change.exchange);
    // Of an exchange that was deleted since, or of one that it followed.
    if (exchange === undefined || (exchange.positions?.id ?? 0) > change.id) return;
    if (exchange.positions?.id !== change.id) {
      if (exchange.positions !== null) positions.close(exchange.positions);
      exchange.positions = positions.add(change.id, change.virtualHost, change.exchange);
    }
    exchange.positions.isRecorded = true;
    if (change.op !== "fence") return;
    exchange.positions.fences.raise(change);
    exchange.positions.fences.recorded(change);
  }

  #topology(change: TopologyChange): void {
    switch (change.op) {
      case "add-host":
        this.#engine.addHost(change.virtualHost);
        return;
      case "drop-host":
        this.#engine.dropHost(change.virtualHost);
        return;
      case "add-exchange":
        this.#engine.hosts.get(change.virtualHost)?.addExchange(change.exchange);
        return;
      case "drop-exchange":
        this.#engine.hosts.get(change.virtualHost)?.forgetExchange(change.name);
        return;
      case "add-queue":
        this.#sawQueueId(change.id);
        if (this.#engine.queues.has(change.id)) return;
        this.#engine.hosts.get(change.virtualHost)?.addQueue(change.id, change.queue, null);
        this.#draft(change.id);
        return;
      case "drop-queue":
        this.#engine.forgetQueue(change.id);
        this.drafts.delete(change.id);
        return;
      case "bind":
        this.#engine.hosts.get(change.virtualHost)?.addBinding(change);
        return;
      case "unbind":
        this.#engine.hosts.get(change.virtualHost)?.removeBinding(change);
        return;
      default:
        change satisfies never;
    }
  }

  #draft(queueId: number): QueueDraft {
    let draft = this.drafts.get(queueId);
    if (draft === undefined) {
      draft = new QueueDraft();
      this.drafts.set(queueId, draft);
    }
    return draft;
  }

  #delayedBytesOf(virtualHost: string): MessageBytes {
    let bytes = this.#delayedBytes.get(virtualHost);
    if (bytes === undefined) {
      bytes = new MessageBytes({ change: () => {} });
      this.#delayedBytes.set(virtualHost, bytes);
    }
    return bytes;
  }

  #sawQueueId(id: number): void {
    this.#engine.lastQueueId = Math.max(this.#engine.lastQueueId, id);
  }
}

export function unreadable(detail: string): WaybillError {
  return new WaybillError("DATA_DIR_DAMAGED", `The data directory cannot be used: ${detail}.`);
}

import { WaybillError } from "@waybill/core";
import { RangeSet } from "../../state/range-set.ts";
import type { Engine } from "../engine/engine.ts";
import { OffsetQueue } from "../queue/offset-queue.ts";
import { decodeLinks } from "../records/content-record.ts";
import { KIND, VERSION } from "../records/kinds.ts";
import { decodeAcks, decodeHorizons } from "../records/marks-record.ts";
import type { TopologyChange } from "../records/topology-record.ts";
import { decodeTopology } from "../records/topology-record.ts";

/** Messages of one queue while the log is read. */
interface Draft {
  readonly index: OffsetQueue;
  readonly done: RangeSet;
  horizon: number;
}

/** Applies the records of the log, in order, to an engine that has just been made. */
export class Replay {
  readonly #engine: Engine;
  readonly #drafts = new Map<number, Draft>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  apply(offset: number, data: Buffer): void {
    if (data[1] !== VERSION)
      throw unreadable(`record ${offset} has version ${data[1]}, written by a newer Waybill`);
    switch (data[0] ?? 0) {
      case KIND.content:
        return this.#content(offset, data);
      case KIND.topology:
        return this.#topology(decodeTopology(data));
      case KIND.acks:
        return decodeAcks(data, (queueId, done) => this.#drafts.get(queueId)?.done.add(done));
      case KIND.horizon:
        return decodeHorizons(data, (queueId, horizon) => {
          const draft = this.#drafts.get(queueId);
          if (draft !== undefined) draft.horizon = Math.max(draft.horizon, horizon);
        });
      default:
        throw unreadable(
          (data[0] ?? 0) < KIND.content
            ? "it belongs to an embedded broker. Give the server a folder of its own, and move messages with `waybill bridge`"
            : `record ${offset} has kind ${data[0]}, which is not known`,
        );
    }
  }

  /** Gives every queue what it has. @param endOffset of the log */
  finish(endOffset: number): void {
    for (const [queueId, { index, done, horizon }] of this.#drafts) {
      const queue = this.#engine.queues.get(queueId);
      if (queue === undefined) continue;
      queue.horizon = horizon;
      queue.restore(done.rangeCount === 0 ? index : without(index, done), Math.min(horizon, endOffset));
    }
  }

  #content(offset: number, data: Buffer): void {
    const { isTransient, queueIds, movedFrom } = decodeLinks(data);
    if (movedFrom !== null) this.#drafts.get(movedFrom.queueId)?.done.add(movedFrom.offset);
    for (const queueId of queueIds) {
      this.#engine.sawQueueId(queueId);
      const draft = this.#drafts.get(queueId);
      if (draft !== undefined && !isTransient && offset * 2 > draft.index.last)
        draft.index.append(offset * 2);
    }
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
        this.#engine.sawQueueId(change.id);
        if (this.#drafts.has(change.id)) return;
        this.#engine.hosts.get(change.virtualHost)?.addQueue(change.id, change.queue, null);
        this.#drafts.set(change.id, { index: new OffsetQueue(), done: new RangeSet(), horizon: 0 });
        return;
      case "drop-queue":
        this.#engine.forgetQueue(change.id);
        this.#drafts.delete(change.id);
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
}

function without(index: OffsetQueue, done: RangeSet): OffsetQueue {
  const left = new OffsetQueue();
  for (const value of index.values()) if (!done.has(Math.floor(value / 2))) left.append(value);
  return left;
}

function unreadable(detail: string): WaybillError {
  return new WaybillError("DATA_DIR_DAMAGED", `The data directory cannot be used: ${detail}.`);
}

import type { Log, LogBlock } from "@waybill/log";
import { LogError } from "@waybill/log";
import type { FindStored } from "../queue/queue-surroundings.ts";
import { decodeContent, isContent } from "../records/content-record.ts";
import { copiedContent, isCopy } from "../records/copy-record.ts";

/** Finds stored messages in the log by their offsets, wherever they were copied to. */
export class MessageStore {
  /** Where messages are that were copied forward, so that their old segments could go. */
  readonly moved = new Map<number, number>();
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  locate(offset: number): number {
    return this.moved.size === 0 ? offset : (this.moved.get(offset) ?? offset);
  }

  async read(offset: number): Promise<FindStored> {
    const from = this.locate(offset);
    const { records, nextOffset } = await this.#block(from);
    const first = records[0]?.offset ?? nextOffset;
    return (wanted) => {
      const at = this.locate(wanted);
      if (at < from || at >= nextOffset) return null;
      // A gap, which a repair left, shifts what stands behind it.
      const guess = records[at - first];
      const record = guess?.offset === at ? guess : records.find((one) => one.offset === at);
      if (record === undefined) return "lost";
      if (isCopy(record.data)) return copiedContent(record.data);
      return isContent(record.data) ? decodeContent(record.data) : "lost";
    };
  }

  async #block(from: number): Promise<LogBlock> {
    try {
      return await this.#log.read(from);
    } catch (error) {
      if (!(error instanceof LogError) || error.code !== "OFFSET_DROPPED") throw error;
      // It was copied forward, or settled, while it was on its way here.
      return { records: [], gaps: [], nextOffset: from + 1 };
    }
  }
}

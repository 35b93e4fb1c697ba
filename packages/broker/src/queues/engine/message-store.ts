import type { Log } from "@waybill/log";
import type { FindStored } from "../queue/queue-surroundings.ts";
import { decodeContent, isContent } from "../records/content-record.ts";
import { copiedContent, isCopy } from "../records/copy-record.ts";
import { BlockReader } from "./block-reader.ts";

/** Finds stored messages in the log by their offsets, wherever they were copied to. */
export class MessageStore {
  /** Where messages are that were copied forward, so that their old segments could go. */
  readonly moved = new Map<number, number>();
  readonly #blocks: BlockReader;

  constructor(log: Log) {
    this.#blocks = new BlockReader(log);
  }

  locate(offset: number): number {
    return this.moved.size === 0 ? offset : (this.moved.get(offset) ?? offset);
  }

  async read(offset: number): Promise<FindStored> {
    const { records, fromOffset, nextOffset } = await this.#blocks.read(this.locate(offset));
    const first = records[0]?.offset ?? nextOffset;
    return (wanted) => {
      const at = this.locate(wanted);
      if (at < fromOffset || at >= nextOffset) return null;
      // A gap, which a repair left, shifts what stands behind it.
      const guess = records[at - first];
      const record = guess?.offset === at ? guess : records.find((one) => one.offset === at);
      if (record === undefined) return "lost";
      if (isCopy(record.data)) return copiedContent(record.data);
      return isContent(record.data) ? decodeContent(record.data) : "lost";
    };
  }
}

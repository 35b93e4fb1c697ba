import type { Log } from "@waybill/log";
import type { Content } from "../records/content-record.ts";
import { decodeContent, isContent } from "../records/content-record.ts";

/** Finds stored messages in the log by their offsets. */
export class MessageStore {
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Reads the block that holds the message; the answer finds it and others in that block. */
  async read(offset: number): Promise<(offset: number) => Content | null> {
    const { records } = await this.#log.read(offset);
    const first = records[0]?.offset ?? offset;
    return (wanted) => {
      const record = records[wanted - first];
      return record === undefined || !isContent(record.data) ? null : decodeContent(record.data);
    };
  }
}

import type { Envelope } from "@waybill/core";
import { readStoredRecords, replaceStoredRecords } from "@waybill/log/internal";
import { decodeMessage, isMessage, MessageRecord } from "../records/message-record.ts";

/** A message as it stands in the log of a closed data directory. */
export interface StoredMessage {
  readonly offset: number;
  readonly envelope: Envelope;
  /** Two messages can stand in for each other where this is equal. */
  readonly encodedBytes: number;
}

/** The messages of a data directory that no process has open, oldest first. Nothing is changed. */
export async function* storedMessages(dataDir: string): AsyncGenerator<StoredMessage> {
  for await (const { offset, data } of readStoredRecords(dataDir)) {
    if (isMessage(data)) yield { offset, envelope: decodeMessage(data), encodedBytes: data.length };
  }
}

/**
 * Offline sabotage for demonstrations and tests: puts other messages at these offsets, with correct CRCs, so that only
 * an audit can tell. Each must have the encoded length of the one that it replaces.
 *
 * @throws LogError `LOG_OWNED`, or `OPTIONS_INVALID` when an offset or a length does not fit.
 */
export async function replaceStoredMessages(
  dataDir: string,
  messages: ReadonlyMap<number, Envelope>,
): Promise<void> {
  const records = new Map<number, Buffer>();
  for (const [offset, envelope] of messages) {
    const record = new MessageRecord(envelope);
    const bytes = Buffer.alloc(record.byteLength);
    record.writeTo(bytes, 0);
    records.set(offset, bytes);
  }
  await replaceStoredRecords(dataDir, records);
}

/** Lets two stored messages of equal encoded length change places, headers, keys, positions and all. */
export function swapStoredMessages(dataDir: string, one: StoredMessage, other: StoredMessage): Promise<void> {
  return replaceStoredMessages(
    dataDir,
    new Map([
      [one.offset, other.envelope],
      [other.offset, one.envelope],
    ]),
  );
}

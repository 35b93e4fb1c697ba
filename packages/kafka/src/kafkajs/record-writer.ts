import { crc32c } from "./crc32c.ts";

/** A record as it is written: its partition is known to the request. */
export interface WritableRecord {
  readonly key: string | null;
  readonly value: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

/** The producer that writes, as kafkajs hands it over. */
export interface BatchProducer {
  /** A 64-bit number as text, or anything that becomes it. */
  readonly producerId: { toString(): string };
  readonly producerEpoch: number;
  readonly firstSequence: number;
  readonly isTransactional: boolean;
}

const MAGIC = 2;
const TRANSACTIONAL = 16;
const VARINT_BYTES_MAX = 5;
const RECORD_BYTES_MAX = 64;
const UTF8_BYTES_MAX = 3;
/** A text is about as long as its number of characters: more bytes are made room for when it turns out so. */
const GROWTH = 2;

/**
 * Writes what a produce request consists of, in one pass into one buffer. kafkajs makes a buffer of its own for every
 * header of every record and fills it byte by byte, which costs more than all else together.
 *
 *     batch   firstOffset 8 | length 4 | leaderEpoch 4 | magic 1 | crc 4 | attributes 2 | lastOffsetDelta 4
 *             | firstTimestamp 8 | maxTimestamp 8 | producerId 8 | producerEpoch 2 | firstSequence 4 | count 4 | records
 *     record  length varint | attributes 1 | timestampDelta varint | offsetDelta varint | key | value | headers
 */
export class RecordWriter {
  #bytes: Buffer;
  #at = 0;

  constructor(bytesExpected: number) {
    this.#bytes = Buffer.allocUnsafe(bytesExpected);
  }

  get written(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  int16(value: number): void {
    this.#room(2);
    this.#at = this.#bytes.writeInt16BE(value, this.#at);
  }

  int32(value: number): void {
    this.#room(4);
    this.#at = this.#bytes.writeInt32BE(value, this.#at);
  }

  string(value: string | null): void {
    if (value === null) return this.int16(-1);
    const size = Buffer.byteLength(value);
    this.int16(size);
    this.#room(size);
    this.#at += this.#bytes.write(value, this.#at);
  }

  /** One batch, with its size before it. */
  batch(records: readonly WritableRecord[], producer: BatchProducer, timestampMs: number): void {
    this.#room(128);
    const start = this.#at + 4;
    const bytes = this.#bytes;
    let at = bytes.writeBigInt64BE(0n, start);
    at = bytes.writeInt32BE(0, at); // length, known later
    at = bytes.writeInt32BE(0, at);
    at = bytes.writeInt8(MAGIC, at);
    at = bytes.writeInt32BE(0, at); // crc, known later
    at = bytes.writeInt16BE(producer.isTransactional ? TRANSACTIONAL : 0, at);
    at = bytes.writeInt32BE(records.length - 1, at);
    at = bytes.writeBigInt64BE(BigInt(timestampMs), at);
    at = bytes.writeBigInt64BE(BigInt(timestampMs), at);
    at = bytes.writeBigInt64BE(BigInt(producer.producerId.toString()), at);
    at = bytes.writeInt16BE(producer.producerEpoch, at);
    at = bytes.writeInt32BE(producer.firstSequence, at);
    this.#at = bytes.writeInt32BE(records.length, at);
    for (const [index, record] of records.entries()) this.#record(record, index);
    const end = this.#at;
    this.#bytes.writeInt32BE(end - start, start - 4);
    this.#bytes.writeInt32BE(end - start - 12, start + 8);
    this.#bytes.writeUInt32BE(crc32c(this.#bytes, start + 21, end), start + 17);
  }

  #record({ key, value, headers }: WritableRecord, offsetDelta: number): void {
    this.#room(value.length + RECORD_BYTES_MAX + (key?.length ?? 0) * UTF8_BYTES_MAX);
    const start = this.#at;
    const guessedBytes = varintBytes(value.length + 256);
    this.#at = start + guessedBytes;
    this.#bytes[this.#at] = 0;
    this.#bytes[this.#at + 1] = 0;
    this.#at += 2;
    this.#varint(offsetDelta);
    if (key === null) this.#varint(-1);
    else this.#text(key);
    this.#varint(value.length);
    this.#at += value.copy(this.#bytes, this.#at);
    const names = Object.keys(headers);
    this.#varint(names.length);
    for (const name of names) {
      this.#text(name);
      this.#text(headers[name] ?? "");
    }
    const size = this.#at - start - guessedBytes;
    this.#shift(start + guessedBytes, varintBytes(size) - guessedBytes);
    const end = this.#at;
    this.#at = start;
    this.#varint(size);
    this.#at = end;
  }

  /** Moves what was written from `from` on: its length took another number of bytes than was left for it. */
  #shift(from: number, by: number): void {
    if (by === 0) return;
    this.#room(VARINT_BYTES_MAX);
    this.#bytes.copyWithin(from + by, from, this.#at);
    this.#at += by;
  }

  #text(value: string): void {
    this.#room(value.length * UTF8_BYTES_MAX + VARINT_BYTES_MAX);
    const start = this.#at;
    const guessedBytes = varintBytes(value.length);
    const size = this.#bytes.write(value, start + guessedBytes);
    this.#at = start + guessedBytes + size;
    this.#shift(start + guessedBytes, varintBytes(size) - guessedBytes);
    const end = this.#at;
    this.#at = start;
    this.#varint(size);
    this.#at = end;
  }

  /** ZigZag and base 128, least significant first. */
  #varint(value: number): void {
    let rest = ((value << 1) ^ (value >> 31)) >>> 0;
    while (rest > 0x7f) {
      this.#bytes[this.#at] = (rest & 0x7f) | 0x80;
      this.#at += 1;
      rest >>>= 7;
    }
    this.#bytes[this.#at] = rest;
    this.#at += 1;
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * GROWTH, this.#at + bytes));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}

/** For a length, which is never negative. */
function varintBytes(length: number): number {
  const zigzag = length * 2;
  if (zigzag < 0x80) return 1;
  if (zigzag < 0x4000) return 2;
  if (zigzag < 0x200000) return 3;
  return zigzag < 0x10000000 ? 4 : VARINT_BYTES_MAX;
}

import { isUtf8 } from "node:buffer";
import { ProtocolError, ReplyCode } from "../protocol-error.ts";

/** Reads AMQP's values one after the other. Never reads past `end`. @throws ProtocolError 502 */
export class ByteReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  at: number;

  constructor(bytes: Buffer, start = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.at = start;
    this.#end = end;
  }

  get end(): number {
    return this.#end;
  }

  octet(): number {
    return this.#bytes[this.advance(1)] as number;
  }

  /** The next octet, which stays the next. */
  peek(): number {
    const octet = this.octet();
    this.at -= 1;
    return octet;
  }

  int8(): number {
    return this.#bytes.readInt8(this.advance(1));
  }

  short(): number {
    return this.#bytes.readUInt16BE(this.advance(2));
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.advance(2));
  }

  long(): number {
    return this.#bytes.readUInt32BE(this.advance(4));
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.advance(4));
  }

  /** Not exact beyond 2^53. */
  longlong(): number {
    const at = this.advance(8);
    return this.#bytes.readUInt32BE(at) * 0x1_0000_0000 + this.#bytes.readUInt32BE(at + 4);
  }

  uint64(): number | bigint {
    return smallest(this.#bytes.readBigUInt64BE(this.advance(8)));
  }

  int64(): number | bigint {
    return smallest(this.#bytes.readBigInt64BE(this.advance(8)));
  }

  float(): number {
    return this.#bytes.readFloatBE(this.advance(4));
  }

  double(): number {
    return this.#bytes.readDoubleBE(this.advance(8));
  }

  /** A short string. @throws ProtocolError 502 when it is no UTF-8, as two names must not become one */
  shortstr(): string {
    const size = this.octet();
    const start = this.advance(size);
    return text(this.#bytes, start, start + size);
  }

  /** A long string that is UTF-8. */
  text(): string {
    const size = this.long();
    const start = this.advance(size);
    return text(this.#bytes, start, start + size);
  }

  /** A long string as it is; shares its memory. */
  bytes(): Buffer {
    const size = this.long();
    const start = this.advance(size);
    return this.#bytes.subarray(start, start + size);
  }

  /** The bytes from `start` to where it is now. */
  slice(start: number): Buffer {
    return this.#bytes.subarray(start, this.at);
  }

  /** Moves on, and says where it was. */
  advance(size: number): number {
    const { at } = this;
    if (size > this.#end - at) {
      const message = `a value of ${size} bytes where ${this.#end - at} are left`;
      throw new ProtocolError(ReplyCode.syntaxError, message);
    }
    this.at = at + size;
    return at;
  }
}

function smallest(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function text(bytes: Buffer, start: number, end: number): string {
  for (let at = start; at < end; at += 1)
    if ((bytes[at] as number) > 0x7f) {
      if (!isUtf8(bytes.subarray(start, end)))
        throw new ProtocolError(ReplyCode.syntaxError, "a string that is no UTF-8");
      return bytes.toString("utf8", start, end);
    }
  return bytes.toString("latin1", start, end);
}

const FIRST_BYTES = 512;
const SHORT_BYTES_MAX = 255;
/** UTF-8 takes at most so many bytes for one unit of a string. */
const UTF8_BYTES_MAX = 3;

/** Writes AMQP's values one after the other into memory that grows. */
export class ByteWriter {
  #bytes: Buffer = Buffer.allocUnsafe(FIRST_BYTES);
  #end = 0;

  get end(): number {
    return this.#end;
  }

  octet(value: number): void {
    const at = this.#reserve(1);
    this.#bytes[at] = value;
  }

  int8(value: number): void {
    const at = this.#reserve(1);
    this.#bytes.writeInt8(value, at);
  }

  short(value: number): void {
    const at = this.#reserve(2);
    this.#bytes.writeUInt16BE(value, at);
  }

  long(value: number): void {
    const at = this.#reserve(4);
    this.#bytes.writeUInt32BE(value, at);
  }

  int32(value: number): void {
    const at = this.#reserve(4);
    this.#bytes.writeInt32BE(value, at);
  }

  uint64(value: number | bigint): void {
    const at = this.#reserve(8);
    this.#bytes.writeBigUInt64BE(BigInt(value), at);
  }

  int64(value: number | bigint): void {
    const at = this.#reserve(8);
    this.#bytes.writeBigInt64BE(BigInt(value), at);
  }

  double(value: number): void {
    const at = this.#reserve(8);
    this.#bytes.writeDoubleBE(value, at);
  }

  /** @throws RangeError when it takes more than 255 bytes */
  shortstr(value: string): void {
    const size = Buffer.byteLength(value);
    if (size > SHORT_BYTES_MAX) throw new RangeError(`a short string of ${size} bytes`);
    this.octet(size);
    const at = this.#reserve(size);
    this.#bytes.write(value, at, size);
  }

  text(value: string): void {
    const sizeAt = this.sizeLater();
    const room = value.length * UTF8_BYTES_MAX;
    const at = this.#reserve(room);
    this.#end = at + this.#bytes.write(value, at, room);
    this.putSize(sizeAt);
  }

  bytes(value: Uint8Array): void {
    this.long(value.length);
    this.raw(value);
  }

  /** Bytes without their length. */
  raw(value: Uint8Array): void {
    const at = this.#reserve(value.length);
    this.#bytes.set(value, at);
  }

  /** Leaves room for a length of four bytes. */
  sizeLater(): number {
    return this.#reserve(4);
  }

  /** Says at `at` how many bytes came after it. */
  putSize(at: number): void {
    this.#bytes.writeUInt32BE(this.#end - at - 4, at);
  }

  /** Changes an octet that was written. */
  putOctet(at: number, value: number): void {
    this.#bytes[at] = value;
  }

  /** Changes a short that was written. */
  putShort(at: number, value: number): void {
    this.#bytes.writeUInt16BE(value, at);
  }

  /** Everything that was written. Nothing is written after it. */
  take(): Buffer {
    return this.#bytes.subarray(0, this.#end);
  }

  #reserve(size: number): number {
    const at = this.#end;
    this.#end = at + size;
    if (this.#end > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#end));
      this.#bytes.copy(larger, 0, 0, at);
      this.#bytes = larger;
    }
    return at;
  }
}

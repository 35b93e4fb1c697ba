const WORD = 2 ** 32;

/** Writes a whole number below 2^53 as 8 bytes, little endian, without going through BigInt. */
export function writeWhole(target: Buffer, value: number, at: number): void {
  target.writeUInt32LE(value % WORD, at);
  target.writeUInt32LE(Math.floor(value / WORD), at + 4);
}

/** The inverse of `writeWhole`. A value from 2^53 on comes back unsafe: callers compare, they never trust. */
export function readWhole(source: Buffer, at: number): number {
  return source.readUInt32LE(at) + source.readUInt32LE(at + 4) * WORD;
}

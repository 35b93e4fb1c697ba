/*
 * Numbers that only grow, as tokens of one or two bytes:
 *
 *      varint(delta * 2)                     one number, `delta` behind the last one
 *      varint(delta * 2 + 1) varint(count)   `count` numbers, each `delta` behind the one before
 *
 * Messages that came one after the other, or one in three, are a single token however many they are.
 */
const BLOCK_BYTES_MIN = 64;
const BLOCK_BYTES_MAX = 8192;
/** Two varints of 53 bits. */
const TOKEN_BYTES_MAX = 16;

/** What `encode` answers and `decode` takes. The chunks are views: write them out before the queue changes. */
export interface EncodedOffsets {
  readonly size: number;
  /** The number before the first one. */
  readonly base: number;
  /** The last number, or `base`. */
  readonly last: number;
  readonly chunks: readonly Uint8Array[];
}

/** `count` numbers, each `delta` behind the one before. */
export interface OffsetRun {
  readonly first: number;
  readonly delta: number;
  readonly count: number;
}

interface Block {
  bytes: Uint8Array;
  end: number;
}

/** A first-in-first-out queue of growing whole numbers from 0, in 1–2 bytes each or far less. */
export class OffsetQueue {
  #size = 0;
  /** The last number that left, and the run that is being read. */
  #value = -1;
  #runDelta = 0;
  #runLeft = 0;
  #blocks: Block[] = [];
  #readAt = 0;
  /** The last number that came, and the run that is not encoded yet. */
  #last = -1;
  #openDelta = 0;
  #openCount = 0;

  get size(): number {
    return this.#size;
  }

  /** The last number that was appended, or -1. */
  get last(): number {
    return this.#last;
  }

  /** @param value larger than `last` */
  append(value: number): void {
    const delta = value - this.#last;
    if (delta === this.#openDelta) {
      this.#openCount += 1;
    } else {
      this.#closeRun();
      this.#openDelta = delta;
      this.#openCount = 1;
    }
    this.#last = value;
    this.#size += 1;
  }

  /** The first number, or -1. */
  peek(): number {
    if (this.#size === 0) return -1;
    if (this.#runLeft === 0) this.#nextRun();
    return this.#value + this.#runDelta;
  }

  /** Removes and answers the first number, or -1. */
  shift(): number {
    const value = this.peek();
    if (value === -1) return -1;
    this.#value = value;
    this.#runLeft -= 1;
    this.#size -= 1;
    return value;
  }

  clear(): void {
    this.#size = 0;
    this.#value = this.#last;
    this.#runLeft = 0;
    this.#openCount = 0;
    this.#openDelta = 0;
    this.#blocks = [];
    this.#readAt = 0;
  }

  /** What is in the queue, without taking it out. */
  runs(): Generator<OffsetRun> {
    return decodeRuns(this.encode());
  }

  /** Appends `count` numbers, each `delta` behind the one before. */
  appendRun({ first, delta, count }: OffsetRun): void {
    if (count === 0) return;
    this.append(first);
    if (count === 1) return;
    this.append(first + delta);
    this.#openCount += count - 2;
    this.#size += count - 2;
    this.#last = first + delta * (count - 1);
  }

  /** Everything that is in the queue, without copying the blocks. */
  encode(): EncodedOffsets {
    const chunks: Uint8Array[] = [];
    if (this.#runLeft > 0) chunks.push(token(this.#runDelta, this.#runLeft));
    for (const [index, { bytes, end }] of this.#blocks.entries()) {
      chunks.push(bytes.subarray(index === 0 ? this.#readAt : 0, end));
    }
    if (this.#openCount > 0) chunks.push(token(this.#openDelta, this.#openCount));
    return { size: this.#size, base: this.#value, last: this.#last, chunks };
  }

  static decode({ size, base, last, chunks }: EncodedOffsets): OffsetQueue {
    const queue = new OffsetQueue();
    queue.#size = size;
    queue.#value = base;
    queue.#last = last;
    queue.#blocks = chunks.map((bytes) => ({ bytes, end: bytes.length }));
    queue.#skipReadBlocks();
    return queue;
  }

  #nextRun(): void {
    const block = this.#blocks[0];
    if (block === undefined) {
      this.#runDelta = this.#openDelta;
      this.#runLeft = this.#openCount;
      this.#openCount = 0;
      this.#openDelta = 0;
      return;
    }
    const reader = { at: this.#readAt };
    const head = readVarint(block.bytes, reader);
    this.#runDelta = Math.floor(head / 2);
    this.#runLeft = head % 2 === 1 ? readVarint(block.bytes, reader) : 1;
    this.#readAt = reader.at;
    this.#skipReadBlocks();
  }

  #skipReadBlocks(): void {
    // The newest block stays while it has room; one that came from `decode` is never written to.
    while (this.#blocks[0] !== undefined && this.#readAt >= this.#blocks[0].end) {
      this.#blocks.shift();
      this.#readAt = 0;
    }
  }

  #closeRun(): void {
    if (this.#openCount === 0) return;
    const block = this.#blockWithRoom();
    block.end = writeToken(block.bytes, block.end, this.#openDelta, this.#openCount);
    this.#openCount = 0;
  }

  #blockWithRoom(): Block {
    const last = this.#blocks.at(-1);
    if (last !== undefined && last.end + TOKEN_BYTES_MAX <= last.bytes.length) return last;
    const grown = last === undefined ? BLOCK_BYTES_MIN : last.bytes.length * 2;
    const bytes = Math.min(BLOCK_BYTES_MAX, Math.max(BLOCK_BYTES_MIN, grown));
    const block = { bytes: new Uint8Array(bytes), end: 0 };
    this.#blocks.push(block);
    return block;
  }
}

/** The numbers of an encoded queue, in order. */
export function* decodeRuns({ base, chunks }: Pick<EncodedOffsets, "base" | "chunks">): Generator<OffsetRun> {
  let value = base;
  for (const bytes of chunks) {
    const reader = { at: 0 };
    while (reader.at < bytes.length) {
      const head = readVarint(bytes, reader);
      const delta = Math.floor(head / 2);
      const count = head % 2 === 1 ? readVarint(bytes, reader) : 1;
      yield { first: value + delta, delta, count };
      value += delta * count;
    }
  }
}

/** The parts of `runs` for which `keep` is true. */
export function filtered(runs: Iterable<OffsetRun>, keep: (value: number) => boolean): OffsetQueue {
  const left = new OffsetQueue();
  for (const { first, delta, count } of runs) {
    for (let index = 0; index < count; index += 1) {
      const value = first + delta * index;
      if (keep(value)) left.append(value);
    }
  }
  return left;
}

function token(delta: number, count: number): Uint8Array {
  const bytes = new Uint8Array(TOKEN_BYTES_MAX);
  return bytes.subarray(0, writeToken(bytes, 0, delta, count));
}

function writeToken(bytes: Uint8Array, at: number, delta: number, count: number): number {
  if (count === 1) return writeVarint(bytes, at, delta * 2);
  return writeVarint(bytes, writeVarint(bytes, at, delta * 2 + 1), count);
}

function writeVarint(bytes: Uint8Array, start: number, value: number): number {
  let at = start;
  let rest = value;
  while (rest >= 128) {
    bytes[at] = (rest % 128) + 128;
    rest = Math.floor(rest / 128);
    at += 1;
  }
  bytes[at] = rest;
  return at + 1;
}

function readVarint(bytes: Uint8Array, reader: { at: number }): number {
  let value = 0;
  for (let factor = 1; reader.at < bytes.length; factor *= 128) {
    const byte = bytes[reader.at] ?? 0;
    reader.at += 1;
    value += (byte % 128) * factor;
    if (byte < 128) break;
  }
  return value;
}

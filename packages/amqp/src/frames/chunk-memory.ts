const CHUNK_BYTES = 128 * 1024;
/** Chunks that wait for their next use: 4 MiB. */
const FREE_MAX = 32;

const free: Chunk[] = [];

/** Memory that frames are written into. New memory for every few frames would keep the garbage collector busy. */
export class Chunk {
  readonly bytes: Buffer;
  #readers = 0;
  #isLeft = false;

  private constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** With room for at least so many bytes. */
  static take(bytes: number): Chunk {
    const chunk = bytes <= CHUNK_BYTES ? free.pop() : undefined;
    if (chunk === undefined) return new Chunk(Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, bytes)));
    chunk.#isLeft = false;
    return chunk;
  }

  /** Somebody reads from it, until the answer is called. Never called, the memory is not used again. */
  lend(): () => void {
    this.#readers += 1;
    let isReading = true;
    return () => {
      if (!isReading) return;
      isReading = false;
      this.#readers -= 1;
      this.#recycle();
    };
  }

  /** Nothing more is written into it by whoever took it. */
  leave(): void {
    this.#isLeft = true;
    this.#recycle();
  }

  get isRead(): boolean {
    return this.#readers > 0;
  }

  #recycle(): void {
    if (!this.#isLeft || this.isRead || this.bytes.length > CHUNK_BYTES || free.length >= FREE_MAX) return;
    free.push(this);
  }
}

import type { Log, LogBlock } from "@waybill/log";
import { LogError } from "@waybill/log";

const CACHED_MAX = 4;
const READING_MAX = 2;
/** A read begins with the first record that somebody waits for, so far before the one whose turn it is. */
const REACH = 1024;

interface Block extends LogBlock {
  readonly fromOffset: number;
}

interface Waiting {
  readonly offset: number;
  readonly resolve: (block: Block) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Reads blocks of the log for all queues. Thousands of queues with a message each in the same part of the log cost the
 * reads of that part, not thousands.
 */
export class BlockReader {
  readonly #log: Log;
  #cached: Block[] = [];
  #waiting: Waiting[] = [];
  #reading = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  /** A block that reaches over `offset`; what is not in it is not there any more. */
  read(offset: number): Promise<Block> {
    const known = this.#cached.find((block) => covers(block, offset));
    if (known !== undefined) return Promise.resolve(known);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ offset, resolve, reject });
      // All that is asked for in this turn is known then.
      queueMicrotask(() => this.#next());
    });
  }

  #next(): void {
    const [turn] = this.#waiting;
    if (turn === undefined || this.#reading >= READING_MAX) return;
    let from = turn.offset;
    for (const { offset } of this.#waiting) if (offset < from && offset > turn.offset - REACH) from = offset;
    this.#reading += 1;
    this.#read(from)
      .then(
        (block) => this.#serve(block),
        (error: unknown) => {
          for (const { reject } of this.#waiting.splice(0)) reject(error);
        },
      )
      .finally(() => {
        this.#reading -= 1;
        this.#next();
      });
  }

  #serve(block: Block): void {
    if (block.records.length > 0) this.#cached = [block, ...this.#cached.slice(0, CACHED_MAX - 1)];
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const one of waiting) {
      if (covers(block, one.offset)) one.resolve(block);
      else this.#waiting.push(one);
    }
  }

  async #read(fromOffset: number): Promise<Block> {
    try {
      return { ...(await this.#log.read(fromOffset)), fromOffset };
    } catch (error) {
      if (!(error instanceof LogError) || error.code !== "OFFSET_DROPPED") throw error;
      // It was copied forward, or settled, while it was on its way here.
      return { records: [], gaps: [], fromOffset, nextOffset: fromOffset + 1 };
    }
  }
}

function covers({ fromOffset, nextOffset }: Block, offset: number): boolean {
  return offset >= fromOffset && offset < nextOffset;
}

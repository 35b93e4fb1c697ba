import { seeded, type Seeded } from "../seeded.ts";

/** What became of an input that did not break anything. */
export type Verdict = "read" | "refused";

/** Makes inputs and tries them. */
export interface FuzzTarget {
  /** What one input is allowed to take. */
  readonly inputMsMax: number;
  /**
   * Makes one input out of chance and tries it. Throws when the code under test did anything else than to read it or to
   * refuse it as it says it does.
   */
  tryOne(chance: Seeded): Verdict | Promise<Verdict>;
  close?(): Promise<void>;
}

export interface FuzzOptions {
  readonly inputs: number;
  readonly seed: number;
  /** The number of the first input, to try one again that was found. */
  readonly first?: number;
  readonly onProgress?: (done: number) => void;
}

export interface FuzzReport {
  readonly inputs: number;
  readonly read: number;
  readonly refused: number;
  readonly slowestMs: number;
  /** How much more memory the process had at most than when it began. */
  readonly memoryBytes: number;
}

/** How much more memory the process may take than when it began; garbage of many small inputs is within it. */
const MEMORY_BYTES_MAX = 512 * 1024 * 1024;
const INPUTS_PER_LOOK = 1_000;
/** Spreads the numbers of the inputs over the seeds (the golden ratio in 32 bits). */
const SPREAD = 0x9e37_79b9;

/** Something that an input broke. `input` and the seed make the same input again. */
export class FuzzFinding extends Error {
  override readonly name = "FuzzFinding";
  readonly input: number;

  constructor(input: number, message: string, cause?: unknown) {
    super(`input ${input}: ${message}`, { cause });
    this.input = input;
  }
}

/**
 * Tries inputs one after the other, each out of its own seed. The first one that breaks something ends it.
 *
 * @throws FuzzFinding when an input was neither read nor refused, took too long, or memory grew beyond 512 MiB
 */
export async function fuzz(
  target: FuzzTarget,
  { inputs, seed, first = 0, onProgress }: FuzzOptions,
): Promise<FuzzReport> {
  const counts: Record<Verdict, number> = { read: 0, refused: 0 };
  const memoryBefore = process.memoryUsage.rss();
  let memoryBytes = 0;
  let slowestMs = 0;
  for (let input = first; input < first + inputs; input += 1) {
    const begun = performance.now();
    counts[await verdictOf(target, input, seed)] += 1;
    const tookMs = performance.now() - begun;
    if (tookMs > target.inputMsMax) throw new FuzzFinding(input, `it took ${Math.round(tookMs)} ms`);
    slowestMs = Math.max(slowestMs, tookMs);
    if ((input - first) % INPUTS_PER_LOOK === 0) {
      memoryBytes = Math.max(memoryBytes, process.memoryUsage.rss() - memoryBefore);
      if (memoryBytes > MEMORY_BYTES_MAX)
        throw new FuzzFinding(input, `memory grew by ${Math.round(memoryBytes / 1024 / 1024)} MiB`);
      onProgress?.(input - first);
    }
  }
  return { inputs, ...counts, slowestMs, memoryBytes };
}

async function verdictOf(target: FuzzTarget, input: number, seed: number): Promise<Verdict> {
  try {
    const verdict = target.tryOne(seeded((seed + Math.imul(input, SPREAD)) >>> 0));
    return verdict instanceof Promise ? await verdict : verdict;
  } catch (error) {
    throw new FuzzFinding(input, error instanceof Error ? error.message : String(error), error);
  }
}

import { randomInt } from "node:crypto";

/** Wall clock in milliseconds since the Unix epoch; it only labels batches. */
export const systemNow = (): number => Date.now();

/** Marks the frames of one segment, so that bytes of another one are never taken for its own. Never 0. */
export const systemEpoch = (): number => randomInt(1, 2 ** 32);

import { v7 } from "uuid";
import type { Clock } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";

const SEQUENCE_MAX = 0xffff_ffff;

/** Makes message ids: UUIDv7, growing within the process even when the wall clock stands still or goes back. */
export function messageIds(clock: Clock, random: Random): () => string {
  let msecs = 0;
  let seq = 0;
  return () => {
    const now = clock.now();
    if (now > msecs || seq === SEQUENCE_MAX) {
      msecs = Math.max(now, msecs + 1);
      seq = 0;
    } else {
      seq += 1;
    }
    return v7({ msecs, seq, random: random.bytes(16) });
  };
}

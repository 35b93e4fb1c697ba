import { WaybillError } from "../errors/waybill-error.ts";
import type { Envelope } from "../message/envelope.ts";
import type { PublishResult } from "../ports/broker.ts";

/** Messages that travel together. */
const BATCH_MAX = 1_000;

/** What became of rapid messages. */
export interface RapidCounts {
  readonly waiting: number;
  readonly confirmed: number;
  /** Refused by the broker, or of unknown outcome. */
  readonly failed: number;
  /** Never tried, because the buffer was full. */
  readonly dropped: number;
}

/** A bounded queue before the broker: one batch is under way at a time, each message is tried once. */
export interface RapidBuffer {
  /** @throws WaybillError `RAPID_OVERFLOW` with the policy `throw`; none of the batch is taken then */
  take(batch: readonly Envelope[]): void;
  counts(): RapidCounts;
  flush(): Promise<void>;
}

export function rapidBuffer(parts: {
  readonly rapidMax: number;
  readonly rapidOverflow: "throw" | "drop";
  readonly publish: (batch: readonly Envelope[]) => Promise<readonly PublishResult[]>;
}): RapidBuffer {
  const { rapidMax, rapidOverflow, publish } = parts;
  let waiting: Envelope[] = [];
  let underWay = 0;
  let draining: Promise<void> | null = null;
  const counts = { confirmed: 0, failed: 0, dropped: 0 };

  async function drain(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, BATCH_MAX);
      waiting = waiting.slice(BATCH_MAX);
      underWay = batch.length;
      const results = await publish(batch).catch(() => []);
      const confirmed = results.filter(({ kind }) => kind === "confirmed").length;
      counts.confirmed += confirmed;
      counts.failed += batch.length - confirmed;
      underWay = 0;
    }
    draining = null;
  }

  return {
    take(batch) {
      const room = rapidMax - waiting.length - underWay;
      if (batch.length > room && rapidOverflow === "throw") {
        throw new WaybillError(
          "RAPID_OVERFLOW",
          `${rapidMax} rapid messages wait for the broker already. Publish less, raise rapidMax, or use the policy "drop".`,
        );
      }
      const taken = batch.slice(0, Math.max(0, room));
      counts.dropped += batch.length - taken.length;
      waiting.push(...taken);
      if (waiting.length > 0) draining ??= Promise.resolve().then(drain);
    },
    counts: () => ({ waiting: waiting.length + underWay, ...counts }),
    async flush() {
      await draining;
    },
  };
}

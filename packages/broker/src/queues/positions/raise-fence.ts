import type { Fence } from "@waybill/core";
import type { RecordSource } from "@waybill/log";
import type { CommitListener } from "../engine/commits.ts";
import { encodePositions } from "../records/positions-record.ts";
import { RefusalError } from "../refusal.ts";
import type { ExchangePositions } from "./exchange-positions.ts";

/** Incarnations of sources that one exchange can fence. Forgetting one would let a stale relay publish. */
const FENCES_MAX = 10_000;

/** Where fences are recorded. */
export interface FenceJournal {
  takes(bytes: number): boolean;
  /** Gathers a record for the next flush, in order with messages. */
  note(record: RecordSource, listener: CommitListener): void;
}

/**
 * Lower epochs publish nothing more through the exchange, from now on and, once the next flush has resolved, after a
 * restart, too. Without a fence, only the exchange's number is recorded.
 *
 * @throws Refusal 406 when there are too many
 */
export function raiseFence(
  journal: FenceJournal,
  positions: ExchangePositions,
  fence: Fence | null,
): "routed" | "refused" | "fenced" {
  const { id, virtualHost, exchange, fences } = positions;
  const place = { id, virtualHost, exchange };
  if (fence === null) {
    if (positions.isRecorded) return "routed";
    const record = encodePositions({ op: "open", ...place });
    if (!journal.takes(record.byteLength)) return "refused";
    journal.note(record, { stored: () => (positions.isRecorded = true) });
    return "routed";
  }
  const known = fences.find(fence);
  if (known !== undefined && known.epoch > fence.epoch) return "fenced";
  if (known !== undefined && known.recorded === fence.epoch) return "routed";
  if (known === undefined && fences.size >= FENCES_MAX)
    throw new RefusalError(406, `exchange '${exchange}' in vhost '${virtualHost}' has ${fences.size} fences`);
  const record = encodePositions({ op: "fence", ...place, ...fence });
  if (!journal.takes(record.byteLength)) return "refused";
  fences.raise(fence);
  journal.note(record, {
    stored: () => {
      positions.isRecorded = true;
      fences.recorded(fence);
    },
  });
  return "routed";
}

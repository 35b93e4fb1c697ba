import { addresseeOf } from "@waybill/core";
import type { Log, LogGap } from "@waybill/log";
import { decodeControl } from "../records/control-record.ts";
import { decodeMessage, isMessage } from "../records/message-record.ts";
import { BrokerState } from "../state/broker-state.ts";

/** Messages before the snapshot that are read too, so that their ids are remembered for deduplication. */
const RECENT_RECORDS = 32_768;

export interface RecoveredState {
  readonly state: BrokerState;
  /** Records that a repair of the log gave up: messages, or what was known about them. */
  readonly lost: readonly LogGap[];
}

/** Rebuilds the state from the log, from the last snapshot on, or from the whole log without one. */
export async function recoverState(log: Log, snapshotOffset: number | null): Promise<RecoveredState> {
  const from = Math.max(log.firstOffset, (snapshotOffset ?? 0) - RECENT_RECORDS);
  const recovered = await readState(log, from);
  // The snapshot may be what was lost; what came before it says almost as much.
  return recovered.lost.length === 0 || from === log.firstOffset
    ? recovered
    : readState(log, log.firstOffset);
}

async function readState(log: Log, from: number): Promise<RecoveredState> {
  const state = new BrokerState();
  const lost: LogGap[] = [];
  const records = log.records(from, (gap) => {
    if (gap.reason === "lost") lost.push(gap);
  });
  for await (const { data } of records) {
    if (!isMessage(data)) {
      state.apply(decodeControl(data));
      continue;
    }
    const envelope = decodeMessage(data);
    const { id, position } = envelope;
    if (position !== null && addresseeOf(envelope) === null)
      state.positions.of(envelope, position.incarnation).add(position.sequence, id);
  }
  return { state, lost };
}

import { addresseeOf } from "@waybill/core";
import type { Log } from "@waybill/log";
import { decodeControl } from "../records/control-record.ts";
import { decodeMessage, isMessage } from "../records/message-record.ts";
import { BrokerState } from "../state/broker-state.ts";

/** Messages before the snapshot that are read too, so that their ids are remembered for deduplication. */
const RECENT_RECORDS = 32_768;

/** Rebuilds the state from the log, from the last snapshot on, or from the whole log without one. */
export async function recoverState(log: Log, snapshotOffset: number | null): Promise<BrokerState> {
  const state = new BrokerState();
  const from = Math.max(log.firstOffset, (snapshotOffset ?? 0) - RECENT_RECORDS);
  for await (const { data } of log.records(from)) {
    if (!isMessage(data)) {
      state.apply(decodeControl(data));
      continue;
    }
    const envelope = decodeMessage(data);
    if (envelope.position !== null && addresseeOf(envelope) === null)
      state.positions.add(envelope, envelope.position);
  }
  return state;
}

import type { Envelope, PublishResult } from "@waybill/core";
import { WaybillError } from "@waybill/core";
import { orderOf } from "@waybill/core/internal";
import { RECORD_HEADER_BYTES } from "@waybill/log/internal";
import { MessageRecord } from "../records/message-record.ts";
import type { PositionVerdict } from "../positions/partition-positions.ts";

/** What the plan asks the state about each message. */
export interface PlanQuestions {
  readonly payloadBytesMax: number;
  hasGroup(topic: string): boolean;
  /** Whether the message is stored already; asked at most once per message, in order. */
  position(envelope: Envelope): PositionVerdict;
  reused(envelope: Envelope, storedId: string): void;
}

/** What is to be appended, and the results as they will be if that succeeds. */
export interface PublishPlan {
  readonly results: readonly PublishResult[];
  readonly records: readonly MessageRecord[];
}

const CONFIRMED: PublishResult = { kind: "confirmed" };
const HELD: PublishResult = { kind: "held" };

/** Decides about each message of a batch. After a refused one, the rest of its partition is held. */
export function planPublish(candidates: readonly MessageRecord[], questions: PlanQuestions): PublishPlan {
  const results: PublishResult[] = [];
  const records: MessageRecord[] = [];
  const refused = new Set<string>();
  for (const record of candidates) {
    const { envelope } = record;
    if (refused.size > 0 && refused.has(orderOf(envelope))) {
      results.push(HELD);
      continue;
    }
    const refusal = refusalOf(record, questions);
    if (refusal !== null) {
      refused.add(orderOf(envelope));
      results.push(refusal);
      continue;
    }
    results.push(CONFIRMED);
    const verdict = questions.position(envelope);
    if (verdict.kind === "duplicate") continue;
    if (verdict.kind === "reused") questions.reused(envelope, verdict.storedId);
    records.push(record);
  }
  return { results, records };
}

/** Every message refused for the same passing reason: the first of each partition is told, the rest is held. */
export function refuseAll(batch: readonly Envelope[], error: WaybillError): PublishResult[] {
  const refused = new Set<string>();
  return batch.map((envelope) => {
    const order = orderOf(envelope);
    if (refused.has(order)) return HELD;
    refused.add(order);
    return { kind: "rejected", error, retryable: true };
  });
}

export function measure(batch: readonly Envelope[]): { records: MessageRecord[]; bytes: number } {
  // The payload is copied: what the caller does with its buffer later must not change what groups are given.
  const records = batch.map(
    (envelope) => new MessageRecord({ ...envelope, payload: Buffer.from(envelope.payload) }),
  );
  let bytes = 0;
  for (const record of records) bytes += RECORD_HEADER_BYTES + record.byteLength;
  return { records, bytes };
}

function refusalOf(record: MessageRecord, questions: PlanQuestions): PublishResult | null {
  const { topic, payload } = record.envelope;
  if (payload.length > questions.payloadBytesMax) {
    const message = `The payload has ${payload.length} bytes, at most ${questions.payloadBytesMax} fit. Store it elsewhere and send a reference, or raise payloadBytesMax.`;
    return { kind: "rejected", error: new WaybillError("PAYLOAD_TOO_LARGE", message), retryable: false };
  }
  const problem = record.problem();
  if (problem !== null) {
    const error = new WaybillError("ENVELOPE_INVALID", `The message cannot be stored: ${problem}.`);
    return { kind: "rejected", error, retryable: false };
  }
  if (questions.hasGroup(topic)) return null;
  const message = `No group takes topic ${topic}. Start its consumer once, or declare its group.`;
  return { kind: "rejected", error: new WaybillError("UNROUTABLE", message), retryable: true };
}

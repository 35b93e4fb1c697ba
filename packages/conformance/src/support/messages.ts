import { randomUUID } from "node:crypto";
import type { Envelope, NewDeadLetter, NewMessage, NewParked } from "@waybill/core";
import { partitionOf } from "@waybill/core";

const PARTITIONS = 32;
let names = 0;

/** A name that no other test uses, so that adapters may share a server. */
export function fresh(name: string): string {
  names += 1;
  return `${name}-${names}-${randomUUID().slice(0, 8)}`;
}

/** A message to record, of the topic `thing.happened` and the key `k` unless told otherwise. */
export function newMessage(change: Partial<NewMessage> = {}): NewMessage {
  const id = change.id ?? randomUUID();
  const key = change.key === undefined ? "k" : change.key;
  return {
    id,
    topic: "thing.happened",
    version: 1,
    key,
    partition: partitionOf(key, id, PARTITIONS),
    headers: {},
    contentType: "application/json",
    payload: new TextEncoder().encode(`{"id":"${id}"}`),
    deliverAt: null,
    deliverInMs: null,
    expiresAt: null,
    ...change,
  };
}

/** A message as it travels, without a position unless told otherwise. */
export function newEnvelope(change: Partial<Envelope> = {}): Envelope {
  const id = change.id ?? randomUUID();
  const key = change.key === undefined ? "k" : change.key;
  return {
    id,
    source: "conformance",
    topic: "thing.happened",
    version: 1,
    key,
    partition: partitionOf(key, id, PARTITIONS),
    headers: {},
    contentType: "application/json",
    payload: new TextEncoder().encode(`{"id":"${id}"}`),
    createdAt: 1_700_000_000_000,
    position: null,
    ...change,
  };
}

/** A message to park: due now, for another attempt, in `blocking` order, unless told otherwise. */
export function newParked(change: Partial<NewParked> = {}): NewParked {
  return {
    group: "billing",
    envelope: newEnvelope(),
    reason: "retry",
    stage: "handle",
    order: "blocking",
    attempts: 1,
    due: { inMs: 0 },
    error: "it failed",
    expiresAt: null,
    ...change,
  };
}

export function newDeadLetter(change: Partial<NewDeadLetter> = {}): NewDeadLetter {
  return {
    group: "billing",
    envelope: newEnvelope(),
    order: "blocking",
    attempts: 12,
    reason: "Error",
    error: "Error: it failed\n    at handler",
    fingerprint: "0123456789ab",
    failingSince: null,
    answered: false,
    ...change,
  };
}

/** An envelope with its payload as text, for comparisons across `Buffer` and `Uint8Array`. */
export function comparable(envelope: Envelope): Omit<Envelope, "payload"> & { readonly payload: string } {
  return {
    ...envelope,
    headers: { ...envelope.headers },
    payload: Buffer.from(envelope.payload).toString("hex"),
  };
}

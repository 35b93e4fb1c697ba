import type { Envelope, PublishResult } from "@waybill/core";
import { SYSTEM_HEADERS, WaybillError } from "@waybill/core";
import type { QuickRecord } from "../kafkajs/quick-produce.ts";
import { toRecord } from "../message/kafka-message.ts";
import type { CallRecord } from "../outboxed/call-record.ts";
import type { Place } from "../topology/topology.ts";

/** A message as a record, or why it is none. */
export type Made =
  | { readonly kind: "record"; readonly record: QuickRecord | CallRecord; readonly bytes: number }
  | { readonly kind: "rejected"; readonly error: WaybillError; readonly retryable: boolean };

/** Where a topic's messages go, or why they do not. */
export type Route =
  | { readonly kind: "place"; readonly place: Place; readonly make: (envelope: Envelope) => Made }
  | { readonly kind: "rejected"; readonly error: WaybillError; readonly retryable: boolean }
  | { readonly kind: "unroutable" }
  | { readonly kind: "unknown"; readonly error: Error };

/** A message on its way. */
export interface Sendable {
  /** Its number in the batch. */
  readonly index: number;
  /** Topic and Waybill partition: what must stay in order. */
  readonly stream: string;
  readonly place: Place;
  readonly record: QuickRecord | CallRecord;
  readonly bytes: number;
}

export interface PublishPlan {
  /** Decided already: refused here, or behind a refused one. The rest is to be sent. */
  readonly results: (PublishResult | null)[];
  readonly sendables: readonly Sendable[];
}

/** A record's own fields and those of its headers, at most. */
const RECORD_OVERHEAD_BYTES = 32;
const HEADER_OVERHEAD_BYTES = 8;

/** Whether it was recorded by an outboxed producer. */
export function isCall({ headers }: Envelope): boolean {
  return headers[SYSTEM_HEADERS.call] !== undefined;
}

/** Calls on a topic have a way of their own. */
export function routeNameOf(envelope: Envelope): string {
  return isCall(envelope) ? `call ${envelope.topic}` : envelope.topic;
}

/** The way of a topic's own messages. */
export function placeRoute(place: Place): Route {
  return {
    kind: "place",
    place,
    make(envelope) {
      const record = toRecord(envelope, place.partitions);
      return { kind: "record", record, bytes: bytesOf(record) };
    },
  };
}

/** Divides a batch into what is refused here and what is sent. A pure function. */
export function planPublish(
  batch: readonly Envelope[],
  routes: ReadonlyMap<string, Route>,
  payloadBytesMax: number,
): PublishPlan {
  const results: (PublishResult | null)[] = [];
  const sendables: Sendable[] = [];
  const refused = new Set<string>();
  for (const [index, envelope] of batch.entries()) {
    const stream = `${envelope.topic}/${envelope.partition}`;
    const route = routes.get(routeNameOf(envelope));
    const decided = refused.has(stream)
      ? ({ kind: "held" } as const)
      : (routeResult(envelope, route) ?? sizeResult(envelope, payloadBytesMax));
    results.push(decided);
    if (decided !== null || route?.kind !== "place") {
      if (decided?.kind === "rejected") refused.add(stream);
      continue;
    }
    const { place } = route;
    const made = route.make(envelope);
    if (made.kind === "record" && made.bytes <= place.batchBytesMax) {
      sendables.push({ index, stream, place, record: made.record, bytes: made.bytes });
      continue;
    }
    results[index] = made.kind === "rejected" ? made : tooLargeForTopic(envelope, made.bytes, place);
    refused.add(stream);
  }
  return { results, sendables };
}

function routeResult(envelope: Envelope, route: Route | undefined): PublishResult | null {
  if (route === undefined || route.kind === "unroutable") {
    const advice =
      "Declare the group that shall get it, let this user describe it, or set requireGroup: false.";
    const error = new WaybillError(
      "UNROUTABLE",
      `No consumer group of Kafka has asked for topic ${envelope.topic}. ${advice}`,
    );
    return { kind: "rejected", error, retryable: true };
  }
  if (route.kind === "rejected") return route;
  return route.kind === "unknown" ? { kind: "unknown", error: route.error } : null;
}

function sizeResult({ id, payload }: Envelope, payloadBytesMax: number): PublishResult | null {
  if (payload.length <= payloadBytesMax) return null;
  const detail = `Message ${id} has ${payload.length} bytes of payload, ${payloadBytesMax} are allowed (payloadBytesMax).`;
  return { kind: "rejected", error: new WaybillError("PAYLOAD_TOO_LARGE", detail), retryable: false };
}

function tooLargeForTopic({ id }: Envelope, bytes: number, place: Place): PublishResult {
  const detail =
    `Message ${id} has about ${bytes} bytes with its headers, topic ${place.kafkaTopic} takes ` +
    `${place.batchBytesMax}. Raise its max.message.bytes.`;
  return { kind: "rejected", error: new WaybillError("PAYLOAD_TOO_LARGE", detail), retryable: false };
}

/**
 * About what a record takes on the wire: text counts one byte a character. Where that is too little the server refuses
 * the batch as too large, and its halves are sent.
 */
function bytesOf({ key, value, headers }: QuickRecord): number {
  let bytes = RECORD_OVERHEAD_BYTES + value.length + (key?.length ?? 0);
  for (const name in headers) {
    bytes += HEADER_OVERHEAD_BYTES + name.length + (headers[name]?.length ?? 0);
  }
  return bytes;
}

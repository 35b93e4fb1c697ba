import type { Envelope, Fence, PublishResult } from "@waybill/core";
import { isWaybillError, WaybillError } from "@waybill/core";
import { messageOf } from "../connection/unavailable.ts";
import { replyCodeOf } from "../topology/topology-mismatch.ts";

const PRECONDITION_FAILED = 406;

/** No queue is bound to the message's topic. */
export function unroutable({ topic }: Envelope): PublishResult {
  const error = new WaybillError(
    "UNROUTABLE",
    `No group has the topic ${topic}: declare one before publishing, or start its consumer.`,
  );
  return { kind: "rejected", error, retryable: true };
}

/** A relay of a later epoch took over. */
export function fenced({ source, epoch }: Fence): WaybillError {
  return new WaybillError(
    "BROKER_FENCED",
    `Epoch ${epoch} of source ${source} may publish nothing more: a later one took over.`,
  );
}

/** Refused on two channels: a queue that is full and configured to refuse, mostly. */
export function nacked({ topic }: Envelope): PublishResult {
  const error = new WaybillError(
    "BROKER_REFUSED",
    `RabbitMQ refused a message of ${topic} (basic.nack): a queue that takes it is full or unavailable.`,
  );
  return { kind: "rejected", error, retryable: true };
}

/** The user of this connection lacks a right, which may be granted. */
export function forbidden(exchange: string, cause: Error): PublishResult {
  const error = new WaybillError(
    "BROKER_REFUSED",
    `RabbitMQ refused a message: this user may not write to exchange ${exchange}, or not this topic (${messageOf(cause)}). docs/rabbitmq.md names the rights.`,
    { cause },
  );
  return { kind: "rejected", error, retryable: true };
}

export function tooLarge({ id, payload }: Envelope, bytesMax: number): PublishResult {
  const error = new WaybillError(
    "PAYLOAD_TOO_LARGE",
    `The payload of ${id} has ${payload.byteLength} bytes, this broker takes ${bytesMax}.`,
  );
  return { kind: "rejected", error, retryable: false };
}

/** It cannot be encoded: the header table is larger than 64 KiB, or a name is too long. Or it cannot even be read. */
export function unencodable({ id }: Envelope, cause: unknown): PublishResult {
  if (isWaybillError(cause)) return { kind: "rejected", error: cause, retryable: false };
  const error = new WaybillError(
    cause instanceof RangeError ? "PAYLOAD_TOO_LARGE" : "ENVELOPE_INVALID",
    `The headers of ${id} do not fit into an AMQP message, which has room for 64 KiB: ${messageOf(cause)}.`,
    { cause },
  );
  return { kind: "rejected", error, retryable: false };
}

/** The server's `max_message_size` when that is why it closed a channel, else `null`. */
export function sizeLimitIn(error: Error): number | null {
  if (replyCodeOf(error) !== PRECONDITION_FAILED) return null;
  const limit = /message size \d+.*max size (\d+)/.exec(error.message)?.[1];
  return limit === undefined ? null : Number(limit);
}

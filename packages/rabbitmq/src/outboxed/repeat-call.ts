import type { ConfirmChannel, Options } from "amqplib";
import type { Envelope } from "@waybill/core";
import { WIRE } from "@waybill/core";
import type { PublishCall } from "./call.ts";

/** The options with which a call is repeated. */
export type RepeatedOptions = Options.Publish & {
  readonly headers: Readonly<Record<string, unknown>>;
  readonly mandatory: boolean;
};

/**
 * What a call is published with: all that the application gave, Waybill's headers beside its own, `persistent`, and
 * `mandatory` unless RabbitMQ may drop the message.
 *
 * There is no position among the headers: groups know the message by its id. A position counts within a topic, and the
 * topic of the outbox is the exchange here, while consumers take the routing key for one.
 */
export function repeatedOptions(envelope: Envelope, call: PublishCall): RepeatedOptions {
  const { options, routingKey, unroutable } = call;
  const headers: Record<string, unknown> = {
    [WIRE.specVersion]: "1.0",
    [WIRE.id]: envelope.id,
    [WIRE.source]: envelope.source,
    [WIRE.type]: routingKey === "" ? envelope.topic : routingKey,
    [WIRE.time]: new Date(envelope.createdAt).toISOString(),
    [WIRE.partition]: String(envelope.partition),
  };
  if (envelope.key !== null) headers[WIRE.key] = envelope.key;
  return {
    ...options,
    headers: { ...headers, ...(options.headers as object | undefined) },
    persistent: true,
    mandatory: unroutable === "retry" || options.mandatory === true,
  };
}

/**
 * Repeats a call with the library's own `publish`.
 *
 * @throws RangeError or TypeError when it cannot be encoded, IllegalOperationError when the channel is closed; it was not
 * sent then
 */
export function repeatCall(
  channel: ConfirmChannel,
  call: PublishCall,
  options: RepeatedOptions,
  payload: Uint8Array,
): void {
  const content = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  channel.publish(call.exchange, call.routingKey, content, options);
}

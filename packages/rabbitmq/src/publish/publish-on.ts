import type { ConfirmChannel } from "amqplib";
import type { OutgoingMessage } from "../wire/to-amqp.ts";

/** What `publish` of amqplib's confirm channel consists of. */
interface Parts {
  sendMessage?(fields: object, properties: object, content: Buffer): boolean;
  pushConfirmCallback?(callback: undefined): void;
}

/**
 * Publishes with `mandatory`. amqplib's own `publish` makes the header table the prototype of another object first,
 * which costs as much as all the rest (12.7 µs a message, 6.1 µs without); so its two halves are called directly, where
 * this version of amqplib has them.
 *
 * @throws RangeError or TypeError when a header or property cannot be encoded; IllegalOperationError when the channel
 * is closed. Nothing was sent then.
 */
export function publishOn(
  channel: ConfirmChannel,
  exchange: string,
  routingKey: string,
  { content, properties }: OutgoingMessage,
): void {
  const parts = channel as ConfirmChannel & Parts;
  if (parts.sendMessage === undefined || parts.pushConfirmCallback === undefined) {
    const options: Record<string, unknown> = { ...properties, mandatory: true };
    channel.publish(exchange, routingKey, content, options);
    return;
  }
  parts.sendMessage({ exchange, routingKey, mandatory: true, immediate: false }, properties, content);
  parts.pushConfirmCallback(undefined);
}

import type { ConfirmChannel, Options } from "amqplib";
import { IllegalOperationError } from "amqplib";
import type { OutgoingMessage } from "../wire/to-amqp.ts";
import { FrameWriter } from "./frame-writer.ts";

/** How messages leave on a channel, always as `mandatory`. */
export interface MessageSender {
  /**
   * @throws RangeError or TypeError when the message cannot be encoded, IllegalOperationError when the channel is closed:
   * it was not sent then, and takes no delivery tag
   */
  send(routingKey: string, message: OutgoingMessage): void;
  /** What was sent leaves now. */
  flush(): void;
}

/** What a channel of amqplib has beneath its public interface. */
interface Beneath {
  readonly ch?: unknown;
  readonly connection: {
    readonly frameMax?: unknown;
    readonly sendBytes?: (bytes: Buffer) => void;
  };
}

/**
 * Sends on `channel`. amqplib's own `publish` costs three times as much as encoding into large pieces of memory does
 * (it makes a prototype of each header table, three buffers and a stream write of each message), which a relay feels.
 * So frames are written here and handed to the connection as amqplib's channels hand theirs; where this version of amqplib
 * has not what that takes, `publish` is called.
 */
export function messageSender(channel: ConfirmChannel, exchange: string): MessageSender {
  const { ch, connection } = channel as unknown as Beneath;
  const { frameMax, sendBytes } = connection;
  if (typeof ch !== "number" || typeof frameMax !== "number" || typeof sendBytes !== "function") {
    return bySlowPublish(channel, exchange);
  }
  const writer = new FrameWriter(ch, frameMax, exchange, (bytes) => connection.sendBytes?.(bytes));
  return {
    send: (routingKey, message) => writer.add(routingKey, message),
    flush: () => writer.flush(),
  };
}

function bySlowPublish(channel: ConfirmChannel, exchange: string): MessageSender {
  return {
    send(routingKey, { content, properties }) {
      const options: Options.Publish = { ...properties, mandatory: true } as Options.Publish;
      channel.publish(exchange, routingKey, content, options);
    },
    flush() {},
  };
}

/** Whether the channel was closed already. */
export function isClosing(error: unknown): boolean {
  return error instanceof IllegalOperationError;
}

import type { ConfirmChannel, Options } from "amqplib";

/** What a channel of amqplib has beneath its public interface. */
interface Beneath {
  readonly connection?: object & { readonly sendMessage?: unknown };
  readonly pushConfirmCallback?: unknown;
}

/** Throws what the library's own `publish` would throw at once. */
export type Rehearsal = (
  exchange: string,
  routingKey: string,
  content: Buffer,
  options: Options.Publish,
) => void;

const CHANNEL = 1;

/**
 * `publish` of the channel's own version of amqplib, on a channel that leads nowhere: a call that the library would refuse
 * (content that is no Buffer, a header that cannot be encoded) is refused with the same error, and one that it takes can
 * be repeated later. Whether the channel itself is open does not matter.
 */
export function rehearsalOf(channel: ConfirmChannel): Rehearsal {
  const { connection, pushConfirmCallback } = channel as unknown as Beneath;
  if (typeof connection?.sendMessage !== "function" || typeof pushConfirmCallback !== "function")
    return checkContent;
  const nowhere: object = Object.assign(
    Object.create(Object.getPrototypeOf(connection) as object) as object,
    {
      channels: { [CHANNEL]: { buffer: { write: () => true } } },
      sendContent: () => true,
    },
  );
  const stage: ConfirmChannel = Object.assign(
    Object.create(Object.getPrototypeOf(channel) as object) as ConfirmChannel,
    { ch: CHANNEL, connection: nowhere, pushConfirmCallback: () => {} },
  );
  return (...call) => void stage.publish(...call);
}

/** For a version of amqplib that is made otherwise. */
const checkContent: Rehearsal = (_exchange, _routingKey, content) => {
  if (!Buffer.isBuffer(content)) throw new TypeError("content is not a buffer");
};

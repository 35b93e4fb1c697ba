import type { Channel } from "amqplib";

/** Resolves when the channel has ended, also with its connection: amqplib answers `close` only to the server's own answer. */
export async function closeChannel(channel: Channel): Promise<void> {
  const ended = new Promise<void>((resolve) => void channel.once("close", resolve));
  const closed = channel.close().catch(() => {}); // It was closed before.
  await Promise.race([ended, closed]);
}

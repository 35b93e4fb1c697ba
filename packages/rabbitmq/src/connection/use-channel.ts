import type { Channel, ChannelModel } from "amqplib";
import { closeChannel } from "./close-channel.ts";

/** Runs `work` on a channel of its own: a request that the server refuses closes its channel and nothing else. */
export async function useChannel<T>(model: ChannelModel, work: (channel: Channel) => Promise<T>): Promise<T> {
  const channel = await model.createChannel();
  let open = true;
  channel.on("error", () => {});
  channel.on("close", () => (open = false));
  try {
    return await work(channel);
  } finally {
    if (open) await closeChannel(channel);
  }
}

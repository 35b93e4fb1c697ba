import type { ChannelModel } from "amqplib";
import type { Fence } from "@waybill/core";
import { closeChannel } from "../connection/close-channel.ts";
import { asError, unavailable } from "../connection/unavailable.ts";
import { fenced } from "../publish/refusals.ts";
import { FENCE_EXCHANGE, fenceMessage, RETURNED } from "./fence-message.ts";

/**
 * Resolves when the server has the fence on disk.
 *
 * @throws WaybillError `BROKER_FENCED` when it knows a higher epoch, `BROKER_UNAVAILABLE` when it could not record it
 */
export async function raiseFence(model: ChannelModel, exchange: string, fence: Fence): Promise<void> {
  const channel = await model.createConfirmChannel();
  let returnedWith: unknown;
  let failure: Error | null = null;
  let isOpen = true;
  channel.on("error", (error: unknown) => (failure = asError(error)));
  channel.on("close", () => (isOpen = false));
  channel.on("return", ({ fields }) => (returnedWith = (fields as { replyCode?: unknown }).replyCode));
  const { content, properties } = fenceMessage(fence, 0);
  try {
    await new Promise<void>((resolve, reject) => {
      const options = { headers: properties.headers, mandatory: true, persistent: true };
      channel.publish(FENCE_EXCHANGE, exchange, content, options, (error: unknown) => {
        if (error === null || error === undefined) resolve();
        else reject(asError(error));
      });
    });
  } catch (error) {
    if (returnedWith === RETURNED.fenced) throw fenced(fence);
    const cause = failure ?? asError(error);
    throw unavailable(`the fence could not be recorded: ${cause.message}.`, cause);
  } finally {
    if (isOpen) await closeChannel(channel);
  }
}

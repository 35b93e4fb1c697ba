import type { ChannelModel } from "amqplib";
import type { Fence } from "@waybill/core";
import type { OutgoingMessage } from "../wire/to-amqp.ts";

/** What is published here is for Waybill's server itself, see `docs/wire.md`; the routing key is the exchange meant. */
export const FENCE_EXCHANGE = "amq.waybill.fence";

/** With what a message comes back before its nack. */
export const RETURNED = {
  /** A later epoch took over. */
  fenced: 403,
  /** An earlier message of its order was refused. */
  held: 405,
} as const;

const CAPABILITY = "waybill.positions";
const NO_BODY: Buffer = Buffer.alloc(0);

/** Whether the server fences publishers and recognises copies. */
export function keepsPositions(model: ChannelModel): boolean {
  const { capabilities } = model.connection.serverProperties as { readonly capabilities?: unknown };
  if (typeof capabilities !== "object" || capabilities === null) return false;
  return (capabilities as Readonly<Record<string, unknown>>)[CAPABILITY] === true;
}

/** @param answered all publications of the channel up to this one were confirmed or refused */
export function fenceMessage(fence: Fence | null, answered: number): OutgoingMessage {
  const headers: Record<string, string> = { "waybill-answered": String(answered) };
  if (fence !== null) {
    headers["waybill-source"] = fence.source;
    headers["waybill-incarnation"] = fence.incarnation;
    headers["waybill-epoch"] = String(fence.epoch);
  }
  const none = { messageId: undefined, appId: undefined, type: undefined, contentType: undefined };
  return { content: NO_BODY, properties: { headers, deliveryMode: 2, ...none } };
}

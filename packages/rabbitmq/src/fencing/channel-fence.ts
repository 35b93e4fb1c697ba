import type { ConfirmChannel } from "amqplib";
import type { Fence } from "@waybill/core";
import type { MessageSender } from "../publish/message-sender.ts";
import { messageSender } from "../publish/message-sender.ts";
import { FENCE_EXCHANGE, fenceMessage } from "./fence-message.ts";

/** Tells the server under which fence one channel publishes, and which refusals its client has seen. */
export class ChannelFence {
  readonly #exchange: string;
  readonly #sender: MessageSender;
  /** What was said last; `undefined` when nothing was that counts. */
  #said: Fence | null | undefined;
  #hasRefusals = false;

  constructor(channel: ConfirmChannel, exchange: string) {
    this.#exchange = exchange;
    this.#sender = messageSender(channel, FENCE_EXCHANGE);
  }

  /** Whether something must be said before a message that is published under this fence. */
  mustSay(fence: Fence | null): boolean {
    return this.#hasRefusals || this.#said === undefined || !isSame(this.#said, fence);
  }

  /** Takes a delivery tag. @throws as `MessageSender.send` does */
  say(fence: Fence | null, answered: number): void {
    this.#sender.send(this.#exchange, fenceMessage(fence, answered));
    this.#sender.flush();
    this.#said = fence;
    this.#hasRefusals = false;
  }

  /** The server refused to note what was said last. */
  forget(): void {
    this.#said = undefined;
  }

  /** A message was refused: the server holds what follows it until it is told that this is known. */
  refused(): void {
    this.#hasRefusals = true;
  }
}

function isSame(one: Fence | null, other: Fence | null): boolean {
  if (one === null || other === null) return one === other;
  return one.epoch === other.epoch && one.incarnation === other.incarnation && one.source === other.source;
}

import type { Method } from "@waybill/amqp";
import { METHODS } from "@waybill/amqp";
import type { Refusal } from "@waybill/broker/queues";
import { replyText } from "./reply-names.ts";

/** Why a channel or a connection is closed. The text is RabbitMQ's where there is one. */
export class ClosingError extends Error implements Refusal {
  override readonly name = "ClosingError";
  readonly reply: number;
  readonly scope: "channel" | "connection";

  constructor(scope: "channel" | "connection", reply: number, text: string) {
    super(replyText(reply, text));
    this.reply = reply;
    this.scope = scope;
  }
}

export function channelError(reply: number, text: string): ClosingError {
  return new ClosingError("channel", reply, text);
}

export function connectionError(reply: number, text: string): ClosingError {
  return new ClosingError("connection", reply, text);
}

/** Whether it says what to answer; anything else is a defect. */
export function isRefusal(error: unknown): error is Refusal {
  if (!(error instanceof Error)) return false;
  const { reply, scope } = error as Partial<Refusal>;
  return typeof reply === "number" && (scope === "channel" || scope === "connection");
}

/** The arguments of `channel.close` and `connection.close`; `method` is the one at fault. */
export function closeArguments(
  refusal: Refusal,
  method: Method["name"] | null,
): { replyCode: number; replyText: string; classId: number; methodId: number } {
  const ids = method === null ? idsOf(refusal) : METHODS[method];
  const { classId, methodId } = ids;
  return {
    replyCode: refusal.reply,
    replyText: replyText(refusal.reply, refusal.message),
    classId,
    methodId,
  };
}

/** A method that could not be read is named by the error alone. */
function idsOf(refusal: Refusal): { classId: number; methodId: number } {
  const { classId = 0, methodId = 0 } = refusal as Refusal & { classId?: number; methodId?: number };
  return { classId, methodId };
}

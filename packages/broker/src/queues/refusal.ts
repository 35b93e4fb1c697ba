import type { Refusal } from "./contract.ts";

const NAMES = {
  403: "ACCESS_REFUSED",
  404: "NOT_FOUND",
  405: "RESOURCE_LOCKED",
  406: "PRECONDITION_FAILED",
  503: "COMMAND_INVALID",
  530: "NOT_ALLOWED",
  540: "NOT_IMPLEMENTED",
  541: "INTERNAL_ERROR",
} as const;

/** Replies that end the whole connection; the others end the channel. */
const CONNECTION_REPLIES: ReadonlySet<number> = new Set([503, 530, 540, 541]);

/** What AMQP answers with a close: the message begins with the name of the reply, as clients expect it. */
export class RefusalError extends Error implements Refusal {
  override readonly name = "RefusalError";
  readonly reply: number;
  readonly scope: "channel" | "connection";

  constructor(reply: keyof typeof NAMES, text: string, options: { readonly cause?: unknown } = {}) {
    super(`${NAMES[reply]} - ${text}`, "cause" in options ? { cause: options.cause } : undefined);
    this.reply = reply;
    this.scope = CONNECTION_REPLIES.has(reply) ? "connection" : "channel";
  }
}

export function noQueue(name: string, virtualHost: string): RefusalError {
  return new RefusalError(404, `no queue '${name}' in vhost '${virtualHost}'`);
}

export function noExchange(name: string, virtualHost: string): RefusalError {
  return new RefusalError(404, `no exchange '${name}' in vhost '${virtualHost}'`);
}

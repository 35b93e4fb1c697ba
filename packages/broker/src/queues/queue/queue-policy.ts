import type { FieldTable, QueueSpec } from "../contract.ts";
import { RefusalError } from "../refusal.ts";

type Overflow = "drop-head" | "reject-publish" | "reject-publish-dlx";

/** What the arguments of a queue ask for. */
export interface QueuePolicy {
  readonly messageTtlMs: number | null;
  readonly expiresMs: number | null;
  readonly deadLetterExchange: string | null;
  readonly deadLetterRoutingKey: string | null;
  readonly maxLength: number | null;
  readonly maxLengthBytes: number | null;
  readonly overflow: Overflow;
  readonly singleActiveConsumer: boolean;
  /** Messages carry `x-delivery-count`. */
  readonly countsDeliveries: boolean;
  readonly deliveryLimit: number | null;
}

const OVERFLOWS: readonly unknown[] = ["drop-head", "reject-publish", "reject-publish-dlx"];
const TTL_MAX_MS = 2 ** 32 - 1;

/** @throws Refusal 406 for an argument that makes no sense, 540 for one that is not supported */
export function readPolicy(spec: QueueSpec, virtualHost: string): QueuePolicy {
  const args = spec.arguments;
  const where = `queue '${spec.name}' in vhost '${virtualHost}'`;
  const invalid = (name: string, why: string): RefusalError =>
    new RefusalError(406, `invalid arg '${name}' for ${where}: ${why}`);
  const whole = (name: string, min: number, max = Number.MAX_SAFE_INTEGER): number | null => {
    const value = args[name];
    if (value === undefined || value === null) return null;
    const number = typeof value === "bigint" ? Number(value) : value;
    if (typeof number !== "number" || !Number.isSafeInteger(number))
      throw invalid(name, "give a whole number");
    if (number < min || number > max) throw invalid(name, `${number} is not from ${min} to ${max}`);
    return number;
  };
  const text = (name: string): string | null => {
    const value = args[name];
    if (value === undefined || value === null) return null;
    if (typeof value !== "string") throw invalid(name, "give a text");
    return value;
  };
  const type = text("x-queue-type") ?? "classic";
  if (type !== "classic" && type !== "quorum")
    throw invalid("x-queue-type", `type '${type}' is not supported; use classic or quorum`);
  if (args["x-max-priority"] !== undefined)
    throw invalid("x-max-priority", "message priorities are not supported; use one queue per priority");
  const overflow = text("x-overflow") ?? "drop-head";
  if (!OVERFLOWS.includes(overflow)) throw invalid("x-overflow", `'${overflow}' is not known`);
  const deadLetterExchange = text("x-dead-letter-exchange");
  const deadLetterRoutingKey = text("x-dead-letter-routing-key");
  if (deadLetterRoutingKey !== null && deadLetterExchange === null)
    throw invalid("x-dead-letter-routing-key", "it needs x-dead-letter-exchange");
  return {
    messageTtlMs: whole("x-message-ttl", 0, TTL_MAX_MS),
    expiresMs: whole("x-expires", 1, TTL_MAX_MS),
    deadLetterExchange,
    deadLetterRoutingKey,
    maxLength: whole("x-max-length", 0),
    maxLengthBytes: whole("x-max-length-bytes", 0),
    overflow: overflow as Overflow,
    singleActiveConsumer: flag(args, "x-single-active-consumer"),
    countsDeliveries: type === "quorum",
    deliveryLimit: whole("x-delivery-limit", 0),
  };
}

function flag(args: FieldTable, name: string): boolean {
  return args[name] === true;
}

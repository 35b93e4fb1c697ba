import type { ExchangeSpec, FieldTable, QueueSpec } from "../contract.ts";
import { RefusalError } from "../refusal.ts";
import { sameField } from "./same-field.ts";

const QUEUE_ARGUMENTS = [
  "x-queue-type",
  "x-expires",
  "x-message-ttl",
  "x-dead-letter-exchange",
  "x-dead-letter-routing-key",
  "x-max-length",
  "x-max-length-bytes",
  "x-overflow",
  "x-single-active-consumer",
  "x-delivery-limit",
];

/** @throws Refusal 406 */
export function checkSameQueue(there: QueueSpec, wanted: QueueSpec, virtualHost: string): void {
  const where = `queue '${there.name}' in vhost '${virtualHost}'`;
  same("durable", there.durable, wanted.durable, where);
  same("exclusive", there.exclusive, wanted.exclusive, where);
  same("auto_delete", there.autoDelete, wanted.autoDelete, where);
  sameArguments(QUEUE_ARGUMENTS, there.arguments, wanted.arguments, where);
}

/** @throws Refusal 406 */
export function checkSameExchange(there: ExchangeSpec, wanted: ExchangeSpec, virtualHost: string): void {
  const where = `exchange '${there.name}' in vhost '${virtualHost}'`;
  same("type", there.type, wanted.type, where);
  same("durable", there.durable, wanted.durable, where);
  same("auto_delete", there.autoDelete, wanted.autoDelete, where);
  same("internal", there.internal, wanted.internal, where);
  sameArguments(["alternate-exchange", "x-delayed-type"], there.arguments, wanted.arguments, where);
}

function same(name: string, current: unknown, received: unknown, where: string): void {
  if (current === received) return;
  const text = `received '${String(received)}' but current is '${String(current)}'`;
  throw new RefusalError(406, `inequivalent arg '${name}' for ${where}: ${text}`);
}

function sameArguments(
  names: readonly string[],
  current: FieldTable,
  received: FieldTable,
  where: string,
): void {
  for (const name of names) {
    const [there, wanted] = [current[name], received[name]];
    if (sameField(there ?? null, wanted ?? null)) continue;
    const text = `received ${describe(wanted)} but current is ${describe(there)}`;
    throw new RefusalError(406, `inequivalent arg '${name}' for ${where}: ${text}`);
  }
}

function describe(value: unknown): string {
  if (value === undefined || value === null) return "none";
  return `the value '${typeof value === "string" ? value : JSON.stringify(Number(value))}' of type '${typeof value === "string" ? "longstr" : "signedint"}'`;
}

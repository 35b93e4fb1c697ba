import { readSome, Wanted } from "@waybill/amqp";
import { SYSTEM_HEADERS, WIRE } from "@waybill/core";
import { RefusalError } from "../refusal.ts";

/** What a message of Waybill says of its place among others. */
export interface OrderedMessage {
  readonly id: string;
  readonly source: string;
  readonly topic: string;
  readonly partition: number;
  /** `null` for one that has none, that would not survive a restart, or that is a copy for one group alone. */
  readonly position: { readonly incarnation: string; readonly sequence: number } | null;
}

const WANTED = new Wanted(
  ["deliveryMode", "messageId", "appId"],
  [WIRE.id, WIRE.source, WIRE.partition, WIRE.incarnation, WIRE.sequence, SYSTEM_HEADERS.group],
);
/** Ids and names are kept in memory; these are as long as a property can be. */
const TEXT_MAX = 255;
const PERSISTENT = 2;

/**
 * Reads it from the properties as `docs/wire.md` has them; `null` for a message that names no source or no partition, and
 * so has no order. The topic is the routing key.
 *
 * @throws Refusal 406 for a header that is malformed
 */
export function readOrderedMessage(routingKey: string, properties: Buffer): OrderedMessage | null {
  const { headers = {}, deliveryMode, messageId, appId } = readSome(properties, WANTED);
  const source = text(WIRE.source, headers[WIRE.source]) ?? appId;
  const partition = wholeNumber(WIRE.partition, headers[WIRE.partition]);
  if (source === undefined || partition === undefined) return null;
  const id = text(WIRE.id, headers[WIRE.id]) ?? messageId ?? "";
  const incarnation = text(WIRE.incarnation, headers[WIRE.incarnation]);
  const sequence = wholeNumber(WIRE.sequence, headers[WIRE.sequence]);
  const isForAll = headers[SYSTEM_HEADERS.group] === undefined;
  const hasPosition = id !== "" && incarnation !== undefined && sequence !== undefined && isForAll;
  const counts = hasPosition && deliveryMode === PERSISTENT;
  const position = counts ? { incarnation, sequence } : null;
  return { id, source, topic: routingKey, partition, position };
}

function text(name: string, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "string" && value.length <= TEXT_MAX) return value;
  throw malformed(name, `a text of at most ${TEXT_MAX} characters`);
}

function wholeNumber(name: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  const number = typeof value === "string" && /^\d{1,16}$/.test(value) ? Number(value) : value;
  if (typeof number === "number" && Number.isSafeInteger(number) && number >= 0) return number;
  throw malformed(name, "a whole number");
}

function malformed(name: string, expected: string): RefusalError {
  return new RefusalError(406, `the header ${name} is not ${expected}`);
}

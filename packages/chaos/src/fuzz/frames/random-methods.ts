import {
  Decimal,
  METHODS,
  Timestamp,
  type FieldTable,
  type FieldValue,
  type MessageProperties,
  type Method,
  type MethodName,
} from "@waybill/amqp";
import type { Seeded } from "../../seeded.ts";

const NAMES = Object.keys(METHODS) as MethodName[];
const TEXTS = ["", "a", "amq.topic", "key.of.some.length", "é", "\u{1f4ef}", "__proto__", "x".repeat(255)];
const NUMBERS = [0, 1, -1, 127, 128, 65_535, 2 ** 31, -(2 ** 31), 2 ** 53 - 1, 0.5, Number.NaN, Infinity];
const DEPTH_MAX = 6;
const ENTRIES_MAX = 5;
const BYTES_MAX = 64;

/** Any method with any arguments. */
export function randomMethod(chance: Seeded): Method {
  const name = pick(chance, NAMES);
  const method: Record<string, unknown> = { name };
  for (const [argument, type] of Object.entries(METHODS[name].arguments))
    method[argument] = randomArgument(chance, type);
  return method as unknown as Method;
}

/** Each property is there or not. */
export function randomProperties(chance: Seeded): MessageProperties {
  const text = (): string | undefined => (chance.below(4) === 0 ? randomText(chance) : undefined);
  const octet = (): number | undefined => (chance.below(2) === 0 ? chance.below(256) : undefined);
  return {
    contentType: text(),
    contentEncoding: text(),
    headers: chance.below(2) === 0 ? randomTable(chance, 0) : undefined,
    deliveryMode: octet(),
    priority: octet(),
    correlationId: text(),
    replyTo: text(),
    expiration: text(),
    messageId: text(),
    timestamp: chance.below(4) === 0 ? new Timestamp(chance.below(2 ** 32)) : undefined,
    type: text(),
    userId: text(),
    appId: text(),
    clusterId: text(),
  };
}

export function randomBytes(chance: Seeded, sizeMax: number): Buffer {
  const bytes = Buffer.alloc(chance.below(sizeMax + 1));
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = chance.below(256);
  return bytes;
}

export function pick<Value>(chance: Seeded, values: readonly Value[]): Value {
  return values[chance.below(values.length)] as Value;
}

function randomArgument(chance: Seeded, type: string): unknown {
  switch (type) {
    case "octet":
      return chance.below(256);
    case "short":
      return chance.below(2 ** 16);
    case "long":
      return chance.below(2 ** 32);
    case "longlong":
      return chance.below(Number.MAX_SAFE_INTEGER);
    case "bit":
      return chance.below(2) === 1;
    case "bytes":
      return randomBytes(chance, BYTES_MAX);
    case "table":
      return randomTable(chance, 0);
    default:
      return randomText(chance);
  }
}

function randomText(chance: Seeded): string {
  return pick(chance, TEXTS);
}

function randomTable(chance: Seeded, depth: number): FieldTable {
  const entries = Array.from({ length: chance.below(ENTRIES_MAX) }, (_, index) => [
    `${randomText(chance).slice(0, 250)}${index}`,
    randomValue(chance, depth + 1),
  ]);
  return Object.fromEntries(entries) as FieldTable;
}

function randomValue(chance: Seeded, depth: number): FieldValue {
  switch (chance.below(depth > DEPTH_MAX ? 8 : 10)) {
    case 0:
      return null;
    case 1:
      return chance.below(2) === 1;
    case 2:
      return pick(chance, NUMBERS);
    case 3:
      return BigInt(chance.below(2 ** 32)) * BigInt(chance.below(2 ** 31));
    case 4:
      return new Timestamp(chance.below(2 ** 32));
    case 5:
      return new Decimal(chance.below(256), chance.below(2 ** 32));
    case 6:
      return randomBytes(chance, BYTES_MAX);
    case 7:
      return randomText(chance);
    case 8:
      return Array.from({ length: chance.below(ENTRIES_MAX) }, () => randomValue(chance, depth + 1));
    default:
      return randomTable(chance, depth);
  }
}

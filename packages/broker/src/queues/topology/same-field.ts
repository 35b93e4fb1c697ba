import { encodeTable } from "@waybill/amqp";
import type { FieldTable as WireTable } from "@waybill/amqp";
import type { FieldTable } from "../contract.ts";

/** Whether two field values are the same. Integers are compared by value, however many bits they had on the wire. */
export function sameField(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (isNumber(one) && isNumber(other)) return Number(one) === Number(other);
  if (typeof one !== "object" || typeof other !== "object") return false;
  return encode({ value: one }).equals(encode({ value: other }));
}

export function sameTable(one: FieldTable, other: FieldTable): boolean {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  for (const name of names) if (!sameField(one[name], other[name])) return false;
  return true;
}

function isNumber(value: unknown): boolean {
  return typeof value === "number" || typeof value === "bigint";
}

function encode(table: FieldTable): Buffer {
  return encodeTable(table as WireTable);
}

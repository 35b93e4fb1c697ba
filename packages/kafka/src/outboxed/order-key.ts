import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import type { KafkaCall } from "./kafka-call.ts";

const CHARACTERS_MAX = 512;

/**
 * What keeps records in order, within their topic: the key, or the partition where one was named, as both decide the
 * partition in Kafka. Records with neither are in no order.
 */
export function orderKeyOf({ key, partition }: Pick<KafkaCall, "key" | "partition">): string | null {
  if (partition !== null) return `partition ${partition}`;
  if (key === null) return null;
  return keyText(key) ?? `sha256 ${createHash("sha256").update(key).digest("hex")}`;
}

/** A record's key as text that every database can store, `null` when it is none or long. */
export function keyText(key: Buffer | string): string | null {
  if (typeof key !== "string") return isUtf8(key) ? keyText(key.toString("utf8")) : null;
  const isText = key.isWellFormed() && !key.includes("\0") && key.length <= CHARACTERS_MAX;
  return isText ? key : null;
}

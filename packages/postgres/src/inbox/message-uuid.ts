import { createHash } from "node:crypto";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * The inbox key of a message id: the id itself when it is a UUID, else a UUIDv8 made of its SHA-256, for the ids of
 * foreign producers. The same id always gives the same key, also one that is no well-formed text.
 */
export function messageUuid(id: string): string {
  if (UUID.test(id)) return id.toLowerCase();
  // As UTF-8 all lone surrogates would be alike.
  const encoding = id.isWellFormed() ? "utf8" : "utf16le";
  const bytes = createHash("sha256").update(id, encoding).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

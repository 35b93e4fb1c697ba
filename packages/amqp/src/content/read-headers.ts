import { ByteReader } from "../bytes/byte-reader.ts";
import { readValue, skipValue, type FieldTable, type FieldValue } from "../fields/field-table.ts";
import { readFlags, skipTo } from "./message-properties.ts";

/**
 * Those headers of a property list that are wanted; the values of all others are passed over unread.
 *
 * @throws ProtocolError 502 when the properties cannot be read
 */
export function readHeaders(properties: Buffer, wanted: ReadonlySet<string>): FieldTable {
  const found: Record<string, FieldValue> = {};
  const reader = new ByteReader(properties);
  const flags = readFlags(reader);
  if ((skipTo("headers", reader, flags) & flags) === 0) return found;
  const table = new ByteReader(reader.bytes());
  while (table.at < table.end) {
    const name = table.shortstr();
    if (wanted.has(name)) found[name] = readValue(table);
    else skipValue(table);
  }
  return found;
}

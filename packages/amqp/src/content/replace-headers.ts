import { ByteReader } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { skipValue, writeEntries, type FieldTable } from "../fields/field-table.ts";
import { readFlags, skipTo } from "./message-properties.ts";

/**
 * The same properties with other headers: those that `headers` names are replaced (undefined: taken away), and all other
 * bytes stay as they are, so that no value changes its type.
 *
 * @throws ProtocolError 502 when the properties cannot be read
 */
export function replaceHeaders(properties: Buffer, headers: FieldTable): Buffer {
  const reader = new ByteReader(properties);
  const writer = new ByteWriter();
  const flags = readFlags(reader);
  const before = reader.at;
  const flag = skipTo("headers", reader, flags);
  writer.short(flags | flag);
  writer.raw(properties.subarray(before, reader.at));
  const sizeAt = writer.sizeLater();
  if ((flags & flag) !== 0) copyOthers(reader, writer, headers);
  writeEntries(writer, headers);
  writer.putSize(sizeAt);
  writer.raw(properties.subarray(reader.at));
  return writer.take();
}

/** Copies the entries of the table that are not replaced. */
function copyOthers(reader: ByteReader, writer: ByteWriter, replaced: FieldTable): void {
  const table = new ByteReader(reader.bytes());
  while (table.at < table.end) {
    const start = table.at;
    const name = table.shortstr();
    skipValue(table);
    if (!Object.hasOwn(replaced, name)) writer.raw(table.slice(start));
  }
}

import { ByteReader } from "../bytes/byte-reader.ts";
import { readText, skipValue, type FieldTable, type FieldValue } from "../fields/field-table.ts";
import { ProtocolError, ReplyCode } from "../protocol-error.ts";
import { PROPERTIES, readFlags, readPropertyValue, skipPropertyValue } from "./message-properties.ts";
import type { MessageProperties, PropertyName } from "./message-properties.ts";

/** Which properties and which headers of messages are wanted. Made once, for many messages. */
export class Wanted {
  readonly properties: ReadonlySet<PropertyName>;
  readonly headers: ReadonlySet<string>;
  /** Bytes that the names of headers have: most names of others have other lengths. */
  readonly #lengths = new Set<number>();

  constructor(properties: readonly PropertyName[], headers: readonly string[]) {
    this.properties = new Set(properties);
    this.headers = new Set(headers);
    for (const name of headers) this.#lengths.add(Buffer.byteLength(name));
  }

  mayBeHeader(nameBytes: number): boolean {
    return this.#lengths.has(nameBytes);
  }
}

/**
 * Reads what is wanted of a property list in one pass, and passes over all else.
 *
 * @throws ProtocolError 502 when it is cut off, or where a wanted text is no UTF-8
 */
export function readSome(properties: Buffer, wanted: Wanted): MessageProperties {
  const reader = new ByteReader(properties);
  const flags = readFlags(reader);
  const found: Record<string, unknown> = {};
  for (const [name, flag, type] of PROPERTIES) {
    if ((flags & flag) === 0) continue;
    if (name === "headers") found["headers"] = readHeaders(reader, wanted);
    else if (wanted.properties.has(name)) found[name] = readPropertyValue(reader, type);
    else skipPropertyValue(reader, type);
  }
  return found;
}

function readHeaders(reader: ByteReader, wanted: Wanted): FieldTable {
  const found: Record<string, FieldValue> = {};
  const size = reader.long();
  const end = reader.at + size;
  // Checks that there is so much.
  reader.advance(size);
  reader.at = end - size;
  while (reader.at < end) {
    if (wanted.mayBeHeader(reader.peek())) {
      const name = reader.shortstr();
      if (wanted.headers.has(name)) found[name] = readText(reader);
      else skipValue(reader);
    } else {
      reader.advance(reader.octet());
      skipValue(reader);
    }
  }
  if (reader.at !== end)
    throw new ProtocolError(ReplyCode.syntaxError, "a table that is longer than it says");
  return found;
}

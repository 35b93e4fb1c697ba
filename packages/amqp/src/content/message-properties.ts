import { ByteReader } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { readTable, Timestamp, writeTable, type FieldTable } from "../fields/field-table.ts";
import { ProtocolError, ReplyCode } from "../protocol-error.ts";

/** The properties of a message, all of them optional. */
export interface MessageProperties {
  readonly contentType?: string | undefined;
  readonly contentEncoding?: string | undefined;
  readonly headers?: FieldTable | undefined;
  /** 2: persistent. */
  readonly deliveryMode?: number | undefined;
  readonly priority?: number | undefined;
  readonly correlationId?: string | undefined;
  readonly replyTo?: string | undefined;
  /** Milliseconds as text. */
  readonly expiration?: string | undefined;
  readonly messageId?: string | undefined;
  readonly timestamp?: Timestamp | undefined;
  readonly type?: string | undefined;
  readonly userId?: string | undefined;
  readonly appId?: string | undefined;
  readonly clusterId?: string | undefined;
}

export type PropertyName = keyof MessageProperties;
type PropertyType = "shortstr" | "table" | "octet" | "timestamp";

/** In the order of the wire; the first one has the highest bit of the flags. */
export const PROPERTIES: readonly (readonly [name: PropertyName, flag: number, type: PropertyType])[] = (
  [
    ["contentType", "shortstr"],
    ["contentEncoding", "shortstr"],
    ["headers", "table"],
    ["deliveryMode", "octet"],
    ["priority", "octet"],
    ["correlationId", "shortstr"],
    ["replyTo", "shortstr"],
    ["expiration", "shortstr"],
    ["messageId", "shortstr"],
    ["timestamp", "timestamp"],
    ["type", "shortstr"],
    ["userId", "shortstr"],
    ["appId", "shortstr"],
    ["clusterId", "shortstr"],
  ] as const
).map(([name, type], index) => [name, 0x8000 >> index, type]);

/** No property has these; the lowest would announce more flags. */
const UNKNOWN_FLAGS = 0x0003;

/**
 * Reads a property list: the flags and what they announce, as it stands in a content header behind the body's size.
 *
 * @throws ProtocolError 502
 */
export function decodeProperties(properties: Buffer): MessageProperties {
  const reader = new ByteReader(properties);
  const flags = readFlags(reader);
  const found: Record<string, unknown> = {};
  for (const [name, flag, type] of PROPERTIES)
    if ((flags & flag) !== 0) found[name] = readPropertyValue(reader, type);
  return found;
}

/**
 * Flags and property list, to be sent behind the body's size.
 *
 * @throws RangeError or TypeError for values that AMQP cannot carry
 */
export function encodeProperties(properties: MessageProperties): Buffer {
  const writer = new ByteWriter();
  let flags = 0;
  writer.short(0);
  for (const [name, flag, type] of PROPERTIES) {
    const value = properties[name];
    if (value === undefined) continue;
    flags |= flag;
    writePropertyValue(writer, type, value);
  }
  writer.putShort(0, flags);
  return writer.take();
}

/** One property of a list that is not read otherwise. @throws ProtocolError 502 */
export function readProperty<Name extends PropertyName>(
  properties: Buffer,
  wanted: Name,
): MessageProperties[Name] {
  const reader = new ByteReader(properties);
  const flags = readFlags(reader);
  for (const [name, flag, type] of PROPERTIES) {
    const present = (flags & flag) !== 0;
    if (name === wanted)
      return present ? (readPropertyValue(reader, type) as MessageProperties[Name]) : undefined;
    if (present) skipPropertyValue(reader, type);
  }
  return undefined;
}

/** Whether the list is as long as its flags say; what is within `headers` is not looked at. @throws ProtocolError 502 */
export function checkProperties(properties: Buffer): void {
  const reader = new ByteReader(properties);
  const flags = readFlags(reader);
  if (flags !== 0)
    for (const [, flag, type] of PROPERTIES) if ((flags & flag) !== 0) skipPropertyValue(reader, type);
  if (reader.at !== reader.end)
    throw new ProtocolError(ReplyCode.syntaxError, "more bytes than the flags of the properties announce");
}

/** The flags that the list begins with. */
export function readFlags(reader: ByteReader): number {
  const flags = reader.short();
  if ((flags & UNKNOWN_FLAGS) !== 0)
    throw new ProtocolError(ReplyCode.syntaxError, "flags of properties that do not exist");
  return flags;
}

/** Moves to where `name` stands, or would stand. @returns the property's flag */
export function skipTo(name: PropertyName, reader: ByteReader, flags: number): number {
  for (const [each, flag, type] of PROPERTIES) {
    if (each === name) return flag;
    if ((flags & flag) !== 0) skipPropertyValue(reader, type);
  }
  return 0;
}

export function readPropertyValue(reader: ByteReader, type: PropertyType): unknown {
  switch (type) {
    case "shortstr":
      return reader.shortstr();
    case "octet":
      return reader.octet();
    case "table":
      return readTable(reader);
    case "timestamp":
      return new Timestamp(reader.uint64());
  }
}

export function skipPropertyValue(reader: ByteReader, type: PropertyType): void {
  switch (type) {
    case "shortstr":
      reader.advance(reader.octet());
      break;
    case "octet":
      reader.advance(1);
      break;
    case "table":
      reader.advance(reader.long());
      break;
    case "timestamp":
      reader.advance(8);
      break;
  }
}

function writePropertyValue(writer: ByteWriter, type: PropertyType, value: unknown): void {
  switch (type) {
    case "shortstr":
      return writer.shortstr(value as string);
    case "octet":
      return writer.octet(value as number);
    case "table":
      return writeTable(writer, value as FieldTable);
    case "timestamp":
      return writer.uint64((value as Timestamp).seconds);
  }
}

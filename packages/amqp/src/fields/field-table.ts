import { isUtf8 } from "node:buffer";
import { ByteReader } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { ProtocolError, ReplyCode } from "../protocol-error.ts";

/** Tables and arrays within each other. RabbitMQ sets no bound; the stack does. */
const DEPTH_MAX = 32;
const LONG_STRING = "S".charCodeAt(0);

/** Seconds since 1970, AMQP's type `T`. */
export class Timestamp {
  readonly seconds: number | bigint;

  constructor(seconds: number | bigint) {
    this.seconds = seconds;
  }
}

/** `digits` divided by ten to the power of `places`, AMQP's type `D`. */
export class Decimal {
  readonly places: number;
  readonly digits: number;

  constructor(places: number, digits: number) {
    this.places = places;
    this.digits = digits;
  }
}

/** What may stand in a table. A string that arrived and is no UTF-8 is a Buffer. */
export type FieldValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | Timestamp
  | Decimal
  | Uint8Array
  | readonly FieldValue[]
  | FieldTable;

/** Names and values: `arguments` of methods, the property `headers`. Integers beyond 2^53 are bigint. */
export interface FieldTable {
  readonly [name: string]: FieldValue | undefined;
}

/**
 * Reads a table with its length before it, in the types that RabbitMQ has.
 *
 * @throws ProtocolError 502 when it is cut off, has an unknown type, or is nested more than 32 times
 */
export function decodeTable(bytes: Buffer, start = 0, end: number = bytes.length): FieldTable {
  return readTable(new ByteReader(bytes, start, end));
}

/**
 * Writes a table with its length before it. Whole numbers are written with 32 bits where they fit and with 64 otherwise,
 * bigint always with 64, other numbers as doubles; entries that are undefined are left out.
 *
 * @throws TypeError for a value that has no type in AMQP
 * @throws RangeError for a name of more than 255 bytes, or an integer of more than 64 bits
 */
export function encodeTable(table: FieldTable): Buffer {
  const writer = new ByteWriter();
  writeTable(writer, table);
  return writer.take();
}

export function readTable(reader: ByteReader, depth = 0): FieldTable {
  const table: Record<string, FieldValue> = {};
  const end = endOf(reader, depth);
  while (reader.at < end) {
    const name = reader.shortstr();
    const value = readValue(reader, depth);
    // A plain assignment of this name would exchange the prototype.
    if (name === "__proto__")
      Object.defineProperty(table, name, { value, enumerable: true, configurable: true, writable: true });
    else table[name] = value;
  }
  mustEndAt(reader, end);
  return table;
}

export function writeTable(writer: ByteWriter, table: FieldTable, depth = 0): void {
  const sizeAt = writer.sizeLater();
  writeEntries(writer, table, depth);
  writer.putSize(sizeAt);
}

/** What is in a table, without its length. */
export function writeEntries(writer: ByteWriter, table: FieldTable, depth = 0): void {
  for (const [name, value] of Object.entries(table)) {
    if (value === undefined) continue;
    writer.shortstr(name);
    writeValue(writer, value, depth);
  }
}

/** Moves past a value without reading it. */
export function skipValue(reader: ByteReader): void {
  const octet = reader.octet();
  // Most values are text.
  if (octet === LONG_STRING) return void reader.advance(reader.long());
  const type = String.fromCharCode(octet);
  const size = SIZES[type];
  if (size !== undefined) reader.advance(size);
  else if ("xFA".includes(type)) reader.advance(reader.long());
  else throw unknownType(type);
}

const SIZES: Readonly<Record<string, number | undefined>> = {
  t: 1,
  b: 1,
  B: 1,
  s: 2,
  u: 2,
  I: 4,
  i: 4,
  f: 4,
  D: 5,
  l: 8,
  L: 8,
  d: 8,
  T: 8,
  V: 0,
};

/** A value with its type before it. Quicker than others where it is a text, which must be UTF-8. @throws ProtocolError 502 */
export function readText(reader: ByteReader): FieldValue {
  if (reader.peek() !== LONG_STRING) return readValue(reader, 0);
  reader.advance(1);
  return reader.text();
}

function readValue(reader: ByteReader, depth: number): FieldValue {
  const type = String.fromCharCode(reader.octet());
  switch (type) {
    case "S":
      return textOrBytes(reader.bytes());
    case "I":
      return reader.int32();
    case "t":
      return reader.octet() !== 0;
    case "l":
    case "L":
      return reader.int64();
    case "T":
      return new Timestamp(reader.uint64());
    case "F":
      return readTable(reader, depth + 1);
    case "A":
      return readArray(reader, depth + 1);
    case "d":
      return reader.double();
    case "V":
      return null;
    case "x":
      return reader.bytes();
    case "b":
      return reader.int8();
    case "B":
      return reader.octet();
    case "s":
      return reader.int16();
    case "u":
      return reader.short();
    case "i":
      return reader.long();
    case "f":
      return reader.float();
    case "D":
      return new Decimal(reader.octet(), reader.long());
    default:
      throw unknownType(type);
  }
}

function readArray(reader: ByteReader, depth: number): readonly FieldValue[] {
  const values: FieldValue[] = [];
  const end = endOf(reader, depth);
  while (reader.at < end) values.push(readValue(reader, depth));
  mustEndAt(reader, end);
  return values;
}

/** The length of what comes, checked against what there is. */
function endOf(reader: ByteReader, depth: number): number {
  if (depth > DEPTH_MAX) throw new ProtocolError(ReplyCode.syntaxError, "a table that is nested too deep");
  const size = reader.long();
  const left = reader.end - reader.at;
  if (size > left)
    throw new ProtocolError(ReplyCode.syntaxError, `a table of ${size} bytes where ${left} are left`);
  return reader.at + size;
}

function mustEndAt(reader: ByteReader, end: number): void {
  if (reader.at !== end)
    throw new ProtocolError(ReplyCode.syntaxError, "a table that is longer than it says");
}

function textOrBytes(bytes: Buffer): string | Buffer {
  return isUtf8(bytes) ? bytes.toString("utf8") : bytes;
}

function unknownType(type: string): ProtocolError {
  return new ProtocolError(ReplyCode.syntaxError, `a field of the unknown type ${JSON.stringify(type)}`);
}

function writeValue(writer: ByteWriter, value: FieldValue, depth: number): void {
  switch (typeof value) {
    case "string":
      tag(writer, "S");
      return writer.text(value);
    case "boolean":
      tag(writer, "t");
      return writer.octet(value ? 1 : 0);
    case "bigint":
      tag(writer, "l");
      return writer.int64(value);
    case "number":
      return writeNumber(writer, value);
    case "object":
      return writeObject(writer, value, depth + 1);
    case "function":
    case "symbol":
    case "undefined":
      throw new TypeError(`a field of type ${typeof value}`);
  }
}

function writeNumber(writer: ByteWriter, value: number): void {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
    tag(writer, "d");
    writer.double(value);
  } else if (value === (value | 0)) {
    tag(writer, "I");
    writer.int32(value);
  } else {
    tag(writer, "l");
    writer.int64(value);
  }
}

function writeObject(writer: ByteWriter, value: Exclude<FieldValue, string | number>, depth: number): void {
  if (depth > DEPTH_MAX) throw new TypeError("a table that is nested too deep");
  if (value === null) return tag(writer, "V");
  if (value instanceof Uint8Array) {
    tag(writer, "x");
    return writer.bytes(value);
  }
  if (value instanceof Timestamp) {
    tag(writer, "T");
    return writer.uint64(value.seconds);
  }
  if (value instanceof Decimal) {
    tag(writer, "D");
    writer.octet(value.places);
    return writer.long(value.digits);
  }
  if (Array.isArray(value)) {
    tag(writer, "A");
    const sizeAt = writer.sizeLater();
    for (const each of value as readonly FieldValue[]) writeValue(writer, each, depth);
    return writer.putSize(sizeAt);
  }
  tag(writer, "F");
  writeTable(writer, value as FieldTable, depth);
}

function tag(writer: ByteWriter, type: string): void {
  writer.octet(type.charCodeAt(0));
}

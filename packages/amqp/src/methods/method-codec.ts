import { ByteReader } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { readTable, writeTable, type FieldTable } from "../fields/field-table.ts";
import { ProtocolError, ReplyCode } from "../protocol-error.ts";
import { METHODS, type ArgumentType, type Method, type MethodName } from "./methods.ts";

interface Codec {
  readonly name: MethodName;
  readonly classId: number;
  readonly methodId: number;
  readonly arguments: readonly (readonly [name: string, type: ArgumentType])[];
}

const CODECS: readonly Codec[] = Object.entries(METHODS).map(([name, spec]) => ({
  name: name as MethodName,
  classId: spec.classId,
  methodId: spec.methodId,
  arguments: Object.entries(spec.arguments),
}));
const BY_NAME: ReadonlyMap<string, Codec> = new Map(CODECS.map((codec) => [codec.name, codec]));
const BY_ID: ReadonlyMap<number, Codec> = new Map(
  CODECS.map((codec) => [idOf(codec.classId, codec.methodId), codec]),
);

const PUBLISH = idOf(METHODS["basic.publish"].classId, METHODS["basic.publish"].methodId);
const ACK = idOf(METHODS["basic.ack"].classId, METHODS["basic.ack"].methodId);
const DELIVER = idOf(METHODS["basic.deliver"].classId, METHODS["basic.deliver"].methodId);

/**
 * Reads the payload of a method frame. Bytes beyond the last argument are ignored, as RabbitMQ's clients expect of
 * methods that grow.
 *
 * @throws ProtocolError 502 when it cannot be read, 540 when there is no such method; with the ids of class and method
 */
export function decodeMethod(bytes: Buffer, start = 0, end: number = bytes.length): Method {
  const reader = new ByteReader(bytes, start, end);
  const classId = reader.short();
  const methodId = reader.short();
  try {
    return readMethod(reader, classId, methodId);
  } catch (error) {
    if (error instanceof ProtocolError)
      throw new ProtocolError(error.reply, error.message, classId, methodId);
    throw error;
  }
}

/**
 * The payload of a method frame.
 *
 * @throws RangeError or TypeError for arguments that AMQP cannot carry
 */
export function encodeMethod(method: Method): Buffer {
  const codec = BY_NAME.get(method.name);
  if (codec === undefined) throw new TypeError(`no method ${method.name}`);
  const writer = new ByteWriter();
  writer.short(codec.classId);
  writer.short(codec.methodId);
  const values = method as unknown as Readonly<Record<string, unknown>>;
  let bitsAt = -1;
  let bits = 0;
  let bitCount = 0;
  for (const [name, type] of codec.arguments) {
    if (type === "bit" || type === "reserved bit") {
      if (bitsAt < 0 || bitCount === 8) {
        bitsAt = writer.end;
        bits = 0;
        bitCount = 0;
        writer.octet(0);
      }
      if (type === "bit" && values[name] === true) bits |= 1 << bitCount;
      writer.putOctet(bitsAt, bits);
      bitCount += 1;
    } else {
      bitsAt = -1;
      writeArgument(writer, type, values[name]);
    }
  }
  return writer.take();
}

function readMethod(reader: ByteReader, classId: number, methodId: number): Method {
  // Those that come for each message are read without a table.
  switch (idOf(classId, methodId)) {
    case PUBLISH:
      return readPublish(reader);
    case ACK:
      return { name: "basic.ack", deliveryTag: reader.longlong(), multiple: (reader.octet() & 1) === 1 };
    case DELIVER:
      return {
        name: "basic.deliver",
        consumerTag: reader.shortstr(),
        deliveryTag: reader.longlong(),
        redelivered: (reader.octet() & 1) === 1,
        exchange: reader.shortstr(),
        routingKey: reader.shortstr(),
      };
    default:
      return readByTable(reader, classId, methodId);
  }
}

function readPublish(reader: ByteReader): Method<"basic.publish"> {
  reader.short();
  const exchange = reader.shortstr();
  const routingKey = reader.shortstr();
  const bits = reader.octet();
  return {
    name: "basic.publish",
    exchange,
    routingKey,
    mandatory: (bits & 1) !== 0,
    immediate: (bits & 2) !== 0,
  };
}

function readByTable(reader: ByteReader, classId: number, methodId: number): Method {
  const codec = BY_ID.get(idOf(classId, methodId));
  if (codec === undefined)
    throw new ProtocolError(ReplyCode.notImplemented, `no method ${methodId} in class ${classId}`);
  const method: Record<string, unknown> = { name: codec.name };
  let bits = 0;
  let bitCount = 0;
  for (const [name, type] of codec.arguments) {
    if (type === "bit" || type === "reserved bit") {
      if (bitCount % 8 === 0) bits = reader.octet();
      if (type === "bit") method[name] = (bits & (1 << (bitCount % 8))) !== 0;
      bitCount += 1;
    } else {
      bitCount = 0;
      const value = readArgument(reader, type);
      if (!type.startsWith("reserved")) method[name] = value;
    }
  }
  return method as unknown as Method;
}

type Plain = Exclude<ArgumentType, "bit" | "reserved bit">;

function readArgument(reader: ByteReader, type: Plain): unknown {
  switch (type) {
    case "octet":
      return reader.octet();
    case "short":
    case "reserved short":
      return reader.short();
    case "long":
      return reader.long();
    case "longlong":
      return reader.longlong();
    case "shortstr":
    case "reserved shortstr":
      return reader.shortstr();
    case "bytes":
    case "reserved text":
      return reader.bytes();
    case "text":
      return reader.text();
    case "table":
      return readTable(reader);
  }
}

function writeArgument(writer: ByteWriter, type: Plain, value: unknown): void {
  switch (type) {
    case "octet":
      return writer.octet(value as number);
    case "short":
      return writer.short(value as number);
    case "long":
      return writer.long(value as number);
    case "longlong":
      return writer.uint64(value as number);
    case "shortstr":
      return writer.shortstr(value as string);
    case "bytes":
      return writer.bytes(value as Uint8Array);
    case "text":
      return writer.text(value as string);
    case "table":
      return writeTable(writer, value as FieldTable);
    case "reserved short":
      return writer.short(0);
    case "reserved shortstr":
      return writer.shortstr("");
    case "reserved text":
      return writer.text("");
  }
}

function idOf(classId: number, methodId: number): number {
  return classId * 0x1_0000 + methodId;
}

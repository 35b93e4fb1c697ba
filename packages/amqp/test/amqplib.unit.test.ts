import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import {
  decodeMethod,
  decodeProperties,
  decodeTable,
  encodeMethod,
  encodeProperties,
  encodeTable,
  FrameWriter,
  METHODS,
  Timestamp,
  Decimal,
  type FieldTable,
  type MethodName,
} from "@waybill/amqp";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anyMethodOf, anyProperties, anyTable, methodNames } from "./arbitraries.ts";

type Fields = Record<string, unknown>;

interface Definitions {
  decode(id: number, bytes: Buffer): Fields;
  encodeMethod(id: number, channel: number, fields: Fields): Buffer;
  encodeProperties(id: number, channel: number, size: number, fields: Fields): Buffer;
}

interface Codec {
  encodeTable(buffer: Buffer, table: unknown, offset: number): number;
  decodeFields(bytes: Buffer): Fields;
}

// amqplib exports its codec to nobody, so its files are asked for by their paths.
const require = createRequire(import.meta.url);
const library = join(dirname(require.resolve("amqplib")), "lib");
const definitions = require(join(library, "defs.js")) as Definitions;
const codec = require(join(library, "codec.js")) as Codec;

const FRAME_START = 7;
const BASIC = 60;

/** amqplib's 64-bit numbers are doubles, so only integers that both have are compared. */
const commonTable = anyTable.map((table) => JSON.parse(JSON.stringify(inCommon(table))) as FieldTable);

function inCommon(value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number") return inCommonNumber(value);
  if (value instanceof Uint8Array || value instanceof Timestamp || value instanceof Decimal) return null;
  if (Array.isArray(value)) return value.map(inCommon);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      // To amqplib, "!" in a table says which type the rest of it is.
      .filter(([name]) => name !== "__proto__" && name !== "!")
      .map(([name, each]) => [name, inCommon(each)]),
  );
}

/** From 2^50 on amqplib takes fractions for integers, and throws. */
function inCommonNumber(value: number): number {
  const isInteger = Number.isSafeInteger(value) && !Object.is(value, -0);
  return isInteger || Math.abs(value) < 2 ** 50 ? value + 0 : 0;
}

/** The arguments as amqplib names them and has their values. */
function theirs(name: MethodName, fields: Readonly<Record<string, unknown>>): Fields {
  const types: Readonly<Record<string, string>> = METHODS[name].arguments;
  return Object.fromEntries(
    Object.entries(types)
      .filter(([, type]) => !type.startsWith("reserved"))
      .map(([argument, type]) => {
        const value = fields[argument];
        return [argument, type === "text" ? Buffer.from(String(value)) : value];
      }),
  );
}

function idOf(name: MethodName): number {
  return METHODS[name].classId * 0x1_0000 + METHODS[name].methodId;
}

/** The payload of the one frame. */
function payloadOf(frame: Buffer): Buffer {
  return frame.subarray(FRAME_START, frame.length - 1);
}

describe("beside amqplib", () => {
  it.each(methodNames)("%s is read and written alike", (name) => {
    const method = anyMethodOf(name).map((each) => withCommonTables(name, each));
    fc.assert(
      fc.property(method, (mine) => {
        const fields = theirs(name, mine);
        const written = definitions.encodeMethod(idOf(name), 1, fields);
        expect(decodeMethod(payloadOf(written))).toEqual(mine);
        expect(definitions.decode(idOf(name), encodeMethod(mine).subarray(4))).toMatchObject(fields);
      }),
      { numRuns: 40 },
    );
  });

  function withCommonTables<Mine extends object>(name: MethodName, method: Mine): Mine {
    const types: Readonly<Record<string, string>> = METHODS[name].arguments;
    const changed = Object.entries(method).map(([argument, value]) => [
      argument,
      types[argument] === "table" ? inCommon(value) : (value as unknown),
    ]);
    return Object.fromEntries(changed) as Mine;
  }

  it("tables are read alike, and what amqplib writes is read", () => {
    fc.assert(
      fc.property(commonTable, (table) => {
        expect(codec.decodeFields(encodeTable(table).subarray(4))).toEqual(table);
        const theirBytes = Buffer.alloc(65_536);
        const size = codec.encodeTable(theirBytes, table, 0);
        expect(decodeTable(theirBytes, 0, size)).toEqual(table);
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ["timestamp", 1_600_000_000, new Timestamp(1_600_000_000)],
    ["decimal", { places: 2, digits: 5 }, new Decimal(2, 5)],
    ["float", 0.5, 0.5],
    ["int8", -5, -5],
    ["uint8", 250, 250],
    ["uint16", 65_535, 65_535],
    ["uint32", 4_294_967_295, 4_294_967_295],
    ["int64", -(2 ** 53) + 1, -(2 ** 53) + 1],
  ])("a %s that amqplib is told to write is read", (type, value, mine) => {
    const bytes = Buffer.alloc(100);
    const size = codec.encodeTable(bytes, { a: { "!": type, value } }, 0);
    expect(decodeTable(bytes, 0, size)).toEqual({ a: mine });
  });

  it("properties are read and written alike", () => {
    fc.assert(
      fc.property(anyProperties, commonTable, ({ timestamp, ...rest }, headers) => {
        const mine = { ...rest, headers, ...(timestamp instanceof Timestamp ? { timestamp } : {}) };
        const seconds = timestamp instanceof Timestamp ? { timestamp: timestamp.seconds } : {};
        const fields: Fields = { ...rest, headers, ...seconds };
        const theirBytes = definitions.encodeProperties(BASIC, 1, 7, fields);
        expect(decodeProperties(payloadOf(theirBytes).subarray(12))).toEqual(mine);
        expect(definitions.decode(BASIC, encodeProperties(mine))).toMatchObject(fields);
      }),
    );
  });

  it("the frames of a published message are the same bytes", () => {
    const properties = { deliveryMode: 2, messageId: "m", headers: { a: "b" } };
    const sent: Buffer[] = [];
    const writer = new FrameWriter(4_096, (bytes) => sent.push(bytes));
    writer.publish(5, {
      exchange: "x",
      routingKey: "é",
      mandatory: true,
      properties: encodeProperties(properties),
      body: Buffer.alloc(0),
    });
    writer.ack(5, 2 ** 33, true);
    writer.flush();
    const theirBytes = Buffer.concat([
      definitions.encodeMethod(idOf("basic.publish"), 5, { exchange: "x", routingKey: "é", mandatory: true }),
      definitions.encodeProperties(BASIC, 5, 0, properties),
      definitions.encodeMethod(idOf("basic.ack"), 5, { deliveryTag: 2 ** 33, multiple: true }),
    ]);
    expect(Buffer.concat(sent).equals(theirBytes)).toBe(true);
  });
});

import {
  decodeProperties,
  encodeProperties,
  ProtocolError,
  readContentHeader,
  readProperty,
  readSome,
  replaceHeaders,
  Timestamp,
  Wanted,
  type PropertyName,
} from "@waybill/amqp";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anyProperties, anyTable } from "./arbitraries.ts";

/** The payload of a header frame. */
function header(properties: Buffer, bodySize = 0, classId = 60): Buffer {
  const start = Buffer.alloc(12);
  start.writeUInt16BE(classId);
  start.writeBigUInt64BE(BigInt(bodySize), 4);
  return Buffer.concat([start, properties]);
}

/** Spaces are for people. */
function hex(spaced: string): string {
  return spaced.replaceAll(" ", "");
}

describe("some properties and headers", () => {
  it("are read as they would be with all others", () => {
    fc.assert(
      fc.property(anyProperties, fc.func(fc.boolean()), (properties, isWanted) => {
        const bytes = encodeProperties(properties);
        const { headers = {}, ...others } = decodeProperties(bytes);
        const isTextOrNot = (value: unknown): boolean => !Buffer.isBuffer(value);
        const names = Object.keys(headers).filter(
          (name) => name !== "__proto__" && isTextOrNot(headers[name]) && isWanted(name),
        );
        const wanted = Object.keys(others).filter((name) => isWanted(name)) as PropertyName[];
        const some = readSome(bytes, new Wanted(wanted, names));
        expect(Object.entries(some.headers ?? {})).toEqual(names.map((name) => [name, headers[name]]));
        expect(Object.keys(some).filter((name) => name !== "headers")).toEqual(wanted);
        for (const name of wanted) expect(some[name]).toEqual(others[name as keyof typeof others]);
      }),
    );
  });

  it("are refused where the table is cut off", () => {
    const bytes = encodeProperties({ headers: { other: "x", wanted: "text" } });
    for (let cut = 2; cut < bytes.length; cut += 1)
      expect(() => readSome(bytes.subarray(0, cut), new Wanted([], ["wanted"]))).toThrow(ProtocolError);
  });
});

describe("properties", () => {
  it("are written as the specification has them", () => {
    const bytes = encodeProperties({
      contentType: "a",
      headers: { h: true },
      deliveryMode: 2,
      expiration: "60",
      messageId: "m",
      timestamp: new Timestamp(1),
      clusterId: "c",
    });
    const expected = hex("b1c4 0161 00000004 01687401 02 023630 016d 0000000000000001 0163");
    expect(bytes.toString("hex")).toBe(expected);
  });

  it("come back as they were written, all together and each alone", () => {
    fc.assert(
      fc.property(anyProperties, (properties) => {
        const bytes = encodeProperties(properties);
        expect(decodeProperties(bytes)).toEqual(properties);
        for (const name of Object.keys(properties))
          expect(readProperty(bytes, name as PropertyName)).toEqual(properties[name]);
        expect(readProperty(bytes, "clusterId")).toEqual(properties["clusterId"]);
      }),
    );
  });

  it("are refused where they are cut off or too long", () => {
    fc.assert(
      fc.property(anyProperties, fc.nat(), (properties, cut) => {
        const bytes = encodeProperties(properties);
        expect(() => decodeProperties(bytes.subarray(0, cut % bytes.length))).toThrow(ProtocolError);
        expect(() => readContentHeader(header(bytes.subarray(0, cut % bytes.length)))).toThrow(ProtocolError);
        expect(() => readContentHeader(header(Buffer.concat([bytes, Buffer.of(0)])))).toThrow(ProtocolError);
      }),
    );
  });

  it("are refused with flags that no property has", () => {
    expect(() => decodeProperties(Buffer.of(0, 1))).toThrow(ProtocolError);
    expect(() => decodeProperties(Buffer.of(0, 2))).toThrow(ProtocolError);
  });

  it("get other headers without a change to anything else", () => {
    fc.assert(
      fc.property(anyProperties, anyTable, (properties, headers) => {
        const replaced = replaceHeaders(encodeProperties(properties), headers);
        const before = (properties["headers"] ?? {}) as object;
        expect(decodeProperties(replaced)).toEqual({
          ...properties,
          headers: Object.fromEntries([...Object.entries(before), ...Object.entries(headers)]),
        });
      }),
    );
  });

  it("keep the types of the headers that are not replaced, and lose those that are taken away", () => {
    // Flags for headers, a table with u = 7 as an unsigned short, and r = true.
    const before = Buffer.from(hex("2000 00000009 0175750007 01727401"), "hex");
    const after = replaceHeaders(before, { r: undefined, n: null });
    expect(after.toString("hex")).toBe(hex("2000 00000008 0175750007 016e56"));
  });
});

describe("a content header", () => {
  it("tells the size of the body and the properties as they are", () => {
    const properties = encodeProperties({ deliveryMode: 2 });
    const frame = Buffer.concat([Buffer.of(9, 9), header(properties, 2 ** 33 + 1), Buffer.of(9)]);
    const read = readContentHeader(frame, 2, frame.length - 1);
    expect(read.bodySize).toBe(2 ** 33 + 1);
    expect(read.properties.equals(properties)).toBe(true);
  });

  it("is refused for another class, or when it is cut off", () => {
    const bytes = header(encodeProperties({}), 5, 50);
    expect(() => readContentHeader(bytes)).toThrow(expect.objectContaining({ reply: 501 }));
    expect(() => readContentHeader(header(encodeProperties({})), 0, 11)).toThrow(ProtocolError);
  });
});

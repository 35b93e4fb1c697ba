import { Decimal, decodeTable, encodeTable, ProtocolError, Timestamp, type FieldTable } from "@waybill/amqp";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anyTable } from "./arbitraries.ts";

/** A table with the one entry `a` of this type and these bytes. */
function tableOf(type: string, hex: string): Buffer {
  const entry = Buffer.concat([Buffer.from(`\x01a${type}`, "latin1"), Buffer.from(hex, "hex")]);
  const size = Buffer.alloc(4);
  size.writeUInt32BE(entry.length);
  return Buffer.concat([size, entry]);
}

function nested(depth: number): FieldTable {
  let table: FieldTable = {};
  for (let level = 0; level < depth; level += 1) table = { a: table };
  return table;
}

describe("a field table", () => {
  it.each([
    ["t", "01", true],
    ["t", "00", false],
    ["b", "ff", -1],
    ["B", "ff", 255],
    ["s", "8000", -32_768],
    ["u", "8000", 32_768],
    ["I", "ffffffff", -1],
    ["i", "ffffffff", 4_294_967_295],
    ["l", "001fffffffffffff", Number.MAX_SAFE_INTEGER],
    ["l", "0020000000000000", 2n ** 53n],
    ["l", "8000000000000000", -(2n ** 63n)],
    ["L", "ffffffffffffffff", -1],
    ["f", "3fc00000", 1.5],
    ["d", "3ff8000000000000", 1.5],
    ["D", "0200000539", new Decimal(2, 1_337)],
    ["S", "00000002c3a9", "é"],
    ["S", "00000002c328", Buffer.of(0xc3, 0x28)],
    ["A", "00000006490000000556", [5, null]],
    ["T", "000000005f5e1000", new Timestamp(1_600_000_000)],
    ["F", "0000000401626207", { b: 7 }],
    ["V", "", null],
    ["x", "00000002c328", Buffer.of(0xc3, 0x28)],
  ] as const)("reads type %s with bytes %s", (type, hex, value) => {
    expect(decodeTable(tableOf(type, hex))).toEqual({ a: value });
  });

  it.each([
    [7, "I", "00000007"],
    [2 ** 40, "l", "0000010000000000"],
    [7n, "l", "0000000000000007"],
    [0.5, "d", "3fe0000000000000"],
    [2 ** 60, "d", "43b0000000000000"],
    ["é", "S", "00000002c3a9"],
    [null, "V", ""],
    [Buffer.of(1), "x", "0000000101"],
    [true, "t", "01"],
  ] as const)("writes %s as type %s", (value, type, hex) => {
    expect(encodeTable({ a: value }).toString("hex")).toBe(tableOf(type, hex).toString("hex"));
  });

  it("comes back as it was written", () => {
    fc.assert(
      fc.property(anyTable, (table) => {
        expect(decodeTable(encodeTable(table))).toEqual(table);
      }),
      { numRuns: 500 },
    );
  });

  it("keeps an entry __proto__ and lets nobody change a prototype by it", () => {
    const bytes = encodeTable(JSON.parse('{"__proto__":{"polluted":true}}') as FieldTable);
    const table = decodeTable(bytes);
    expect(Object.keys(table)).toEqual(["__proto__"]);
    expect(Object.getPrototypeOf(table)).toBe(Object.prototype);
    expect(table["polluted"]).toBeUndefined();
  });

  it("may be nested 32 times and no more", () => {
    expect(decodeTable(encodeTable(nested(32)))).toEqual(nested(32));
    expect(() => encodeTable(nested(33))).toThrow(TypeError);
    let bytes: Buffer = Buffer.alloc(4);
    for (let level = 0; level < 2_000; level += 1) bytes = tableOf("F", bytes.toString("hex"));
    expect(() => decodeTable(bytes)).toThrow(ProtocolError);
  });

  it("is refused when it is cut off, longer than it says, or of unknown type", () => {
    fc.assert(
      fc.property(anyTable, fc.nat(), (table, cut) => {
        const bytes = encodeTable(table);
        expect(() => decodeTable(bytes, 0, cut % bytes.length)).toThrow(ProtocolError);
      }),
    );
    expect(() => decodeTable(tableOf("I", "0000"))).toThrow(ProtocolError);
    expect(() => decodeTable(tableOf("Z", "00"))).toThrow(ProtocolError);
    const tooShort = tableOf("I", "00000001");
    tooShort.writeUInt32BE(tooShort.length - 5);
    expect(() => decodeTable(tooShort)).toThrow(ProtocolError);
  });
});

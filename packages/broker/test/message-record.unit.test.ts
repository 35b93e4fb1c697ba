import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Envelope } from "@waybill/core";
import { decodeMessage, MessageRecord } from "@waybill/broker/internal";
import { message } from "./broker-fixture.ts";

const text = (minLength: number) => fc.string({ unit: "grapheme", minLength, maxLength: 40 });

const envelopes: fc.Arbitrary<Envelope> = fc.record({
  id: text(1),
  source: text(0),
  topic: text(0),
  version: fc.nat(),
  key: fc.option(text(0)),
  partition: fc.nat(),
  headers: fc.dictionary(text(1), text(0)),
  contentType: text(0),
  payload: fc.uint8Array({ maxLength: 200 }),
  createdAt: fc.nat(),
  position: fc.option(fc.record({ incarnation: text(0), sequence: fc.maxSafeNat() })),
});

describe("a stored message", () => {
  test("comes back as it was", () => {
    fc.assert(
      fc.property(envelopes, (envelope) => {
        const record = new MessageRecord(envelope);
        const target = Buffer.alloc(record.byteLength + 7, 0xee);
        record.writeTo(target, 7);
        const { payload, headers, ...rest } = decodeMessage(target.subarray(7));
        expect({ ...rest, headers: { ...headers }, payload: Uint8Array.from(payload) }).toEqual({
          ...envelope,
          headers: { ...envelope.headers },
        });
      }),
    );
  });

  test("what the format cannot hold is said before anything is written", () => {
    const problems = [
      message(0, { id: "" }),
      message(0, { id: "x".repeat(256) }),
      message(0, { partition: -1 }),
      message(0, { version: 1.5 }),
      message(0, { position: { incarnation: "i", sequence: -1 } }),
      message(0, { key: "k".repeat(600_000) }),
    ].map((envelope) => new MessageRecord(envelope).problem());
    expect(problems.every((problem) => problem !== null)).toBe(true);
    expect(new MessageRecord(message(0)).problem()).toBeNull();
  });
});

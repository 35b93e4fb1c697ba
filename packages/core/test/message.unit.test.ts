import { expect, test } from "vitest";
import { z } from "zod";
import { defineTopic, type Clock, type Envelope } from "../src/index.ts";
import { messageIds } from "../src/message/message-id.ts";
import { newHeaders } from "../src/message/headers.ts";
import { decodePayload, encodePayload } from "../src/message/payload.ts";
import { systemClock, systemRandom } from "../src/index.ts";

const Price = defineTopic("price.changed", {
  version: 3,
  schema: z.object({
    sku: z.string(),
    cents: z.number().int(),
    at: z.string().transform((text) => new Date(text)),
  }),
  key: (price) => price.sku,
  upcast: {
    2: (old: { sku: string; euros: number; at: string }) => ({
      sku: old.sku,
      cents: old.euros * 100,
      at: old.at,
    }),
  },
});

function message(version: number, payload: unknown): Envelope {
  return {
    id: "0199f3a0-7c00-7000-8000-000000000001",
    source: "shop",
    topic: Price.name,
    version,
    key: "x",
    partition: 0,
    headers: {},
    contentType: "application/json",
    payload: new TextEncoder().encode(typeof payload === "string" ? payload : JSON.stringify(payload)),
    createdAt: 0,
    position: null,
  };
}

test("the schema's input is stored unchanged and the handler gets its output", async () => {
  const input = { sku: "x", cents: 5, at: "2026-11-22T00:00:00.000Z" };
  const stored = await encodePayload(Price, input);
  expect(JSON.parse(new TextDecoder().decode(stored))).toEqual(input);
  expect(await decodePayload(Price, message(3, input))).toEqual({ ...input, at: new Date(input.at) });
});

test("an invalid payload is refused with every wrong field named", async () => {
  const wrong = { sku: 1, cents: 0.5, at: "x" } as unknown as { sku: string; cents: number; at: string };
  await expect((async () => encodePayload(Price, wrong))()).rejects.toMatchObject({
    code: "PAYLOAD_INVALID",
    message: expect.stringMatching(/price\.changed.*sku: .*cents: /),
  });
});

test("an older version is lifted by its upcast", async () => {
  const lifted = await decodePayload(
    Price,
    message(2, { sku: "x", euros: 2, at: "2026-11-22T00:00:00.000Z" }),
  );
  expect(lifted.cents).toBe(200);
});

test.each([
  ["newer than this process knows", 4, {}, "VERSION_UNSUPPORTED"],
  ["older without an upcast", 1, {}, "VERSION_UNSUPPORTED"],
  ["no JSON", 3, "{", "PAYLOAD_UNREADABLE"],
  ["refused by the schema", 3, { sku: "x" }, "PAYLOAD_UNREADABLE"],
])("a message that is %s is refused by code", async (_name, version, payload, code) => {
  await expect(decodePayload(Price, message(version, payload))).rejects.toMatchObject({ code });
});

test.each(["", "-x", "a b", "a".repeat(201), "a/b"])("%j is no topic name", (name) => {
  expect(() => defineTopic(name, { version: 1, schema: z.string() })).toThrow(
    expect.objectContaining({ code: "TOPIC_INVALID" }),
  );
});

test.each([0, 1.5, -1, Number.NaN])("%d is no version", (version) => {
  expect(() => defineTopic("a", { version, schema: z.string() })).toThrow(
    expect.objectContaining({ code: "TOPIC_INVALID" }),
  );
});

test.each([
  ["a name of CloudEvents", { ce_id: "1" }],
  ["a name of Waybill", { "Waybill-Partition": "1" }],
  ["a malformed name", { "a b": "1" }],
  ["too many", Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`h${index}`, ""]))],
  ["too much", { big: "x".repeat(16_385) }],
])("headers with %s are refused", (_name, headers) => {
  expect(() => newHeaders(headers, null)).toThrow(expect.objectContaining({ code: "OPTIONS_INVALID" }));
});

test("what a handler sends carries trace and conversation on", () => {
  const first = { ...message(1, {}), headers: { traceparent: "00-1", private: "stays" } };
  const second = { ...message(1, {}), id: "second", headers: newHeaders({ own: "1" }, first) };
  expect(second.headers).toEqual({
    own: "1",
    traceparent: "00-1",
    "waybill-correlation-id": first.id,
    "waybill-causation-id": first.id,
  });
  expect(newHeaders({}, second)).toMatchObject({
    "waybill-correlation-id": first.id,
    "waybill-causation-id": "second",
  });
});

test("ids grow within a process, also when the clock stands still or goes back", () => {
  let now = 1_795_344_000_000;
  const clock: Clock = { ...systemClock, now: () => now };
  const next = messageIds(clock, systemRandom);
  const ids = Array.from({ length: 1_000 }, (_, index) => {
    if (index === 500) now -= 60_000;
    return next();
  });
  expect([...ids].sort()).toEqual(ids);
  expect(new Set(ids).size).toBe(1_000);
  expect(ids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { z } from "zod";
import { fromWire, partitionOf, toWire, type Envelope } from "../src/index.ts";

const golden = z.object({
  partitions: z.number(),
  keys: z.array(z.object({ key: z.string(), partition: z.number() })),
  keyless: z.array(z.object({ id: z.string(), partition: z.number() })),
  messages: z.array(
    z.object({
      name: z.string(),
      envelope: z.object({
        id: z.string(),
        source: z.string(),
        topic: z.string(),
        version: z.number(),
        key: z.string().nullable(),
        partition: z.number(),
        headers: z.record(z.string(), z.string()),
        contentType: z.string(),
        createdAt: z.number(),
        position: z.object({ incarnation: z.string(), sequence: z.number() }).nullable(),
      }),
      headers: z.record(z.string(), z.string()),
      payloadBase64: z.string(),
    }),
  ),
});

const file = golden.parse(
  JSON.parse(await readFile(new URL("golden/wire-v1.json", import.meta.url), "utf8")),
);

test("keys map to the partitions that docs/wire.md pins", () => {
  for (const { key, partition } of file.keys)
    expect(partitionOf(key, "", file.partitions), key).toBe(partition);
  for (const { id, partition } of file.keyless)
    expect(partitionOf(null, id, file.partitions), id).toBe(partition);
});

test.each(file.messages)(
  "$name travels with exactly the pinned headers, and comes back the same",
  (message) => {
    const payload = new Uint8Array(Buffer.from(message.payloadBase64, "base64"));
    const envelope: Envelope = { ...message.envelope, payload };
    expect(toWire(envelope)).toEqual({ headers: message.headers, payload });
    expect(fromWire({ headers: message.headers, payload }, file.partitions)).toEqual(envelope);
  },
);

test("a foreign producer needs three headers", () => {
  const envelope = fromWire(
    { headers: { ce_id: "7", ce_source: "/billing", ce_type: "paid" }, payload: new Uint8Array() },
    32,
  );
  expect(envelope).toMatchObject({
    id: "7",
    source: "/billing",
    topic: "paid",
    version: 1,
    key: null,
    position: null,
  });
  expect(envelope.partition).toBe(partitionOf(null, "7", 32));
});

test.each([
  ["without an id", { ce_source: "a", ce_type: "b" }],
  ["with an empty source", { ce_id: "1", ce_source: "", ce_type: "b" }],
  [
    "with a negative sequence",
    { ce_id: "1", ce_source: "a", ce_type: "b", "waybill-incarnation": "x", "waybill-sequence": "-1" },
  ],
  [
    "with an incarnation but no sequence",
    { ce_id: "1", ce_source: "a", ce_type: "b", "waybill-incarnation": "x" },
  ],
  ["with a time that is none", { ce_id: "1", ce_source: "a", ce_type: "b", ce_time: "yesterday" }],
])("a message %s is refused", (_name, headers) => {
  expect(() => fromWire({ headers, payload: new Uint8Array() }, 32)).toThrow(
    expect.objectContaining({ code: "ENVELOPE_INVALID" }),
  );
});

import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import type { Envelope } from "@waybill/core";
import { toWire } from "@waybill/core";
import { fromAmqp, isRedelivered } from "../src/wire/from-amqp.ts";
import { toAmqp } from "../src/wire/to-amqp.ts";

interface Pinned {
  readonly name: string;
  readonly envelope: Omit<Envelope, "payload">;
  readonly routingKey: string;
  readonly properties: Record<string, unknown>;
  readonly headers: Record<string, string>;
}

const file = new URL("golden/amqp-v1.json", import.meta.url);
const { messages } = JSON.parse(await readFile(file, "utf8")) as { messages: Pinned[] };
const noId = (): string => "no id";
const content = Buffer.from("{}");

test.each(messages)("$name travels with exactly the pinned properties and headers", (pinned) => {
  const { properties } = toAmqp({ ...pinned.envelope, payload: content });
  expect({ ...properties, headers: undefined }).toEqual({ ...pinned.properties, headers: undefined });
  expect(properties.headers).toEqual(pinned.headers);
});

test.each(messages)("$name comes back the same", ({ envelope, routingKey, properties, headers }) => {
  const read = fromAmqp({ routingKey, properties: { ...properties, headers }, content }, 32, noId);
  expect(read).toEqual({ envelope: { ...envelope, payload: content }, ignored: null });
});

test.each(messages)("$name may as well have all attributes as headers", ({ envelope, properties }) => {
  const { headers } = toWire({ ...envelope, payload: content });
  const others = { ...properties, messageId: "another", appId: "another", type: "another", headers };
  const read = fromAmqp({ routingKey: "another", properties: others, content }, 32, noId);
  expect(read).toEqual({ envelope: { ...envelope, payload: content }, ignored: null });
});

test("what the server writes into headers is not taken for the message's own", () => {
  const headers = {
    "x-death": [],
    "x-first-death-queue": "q",
    "x-delivery-count": 2,
    "x-mine": "kept",
  };
  const { envelope } = fromAmqp({ routingKey: "t", properties: { headers }, content }, 32, noId);
  expect(envelope.headers).toEqual({ "x-mine": "kept" });
});

test.each([
  [false, {}, false],
  [true, {}, true],
  [false, { "x-delivery-count": 0 }, false],
  [false, { "x-delivery-count": 1 }, true],
  [false, { "x-death": [] }, true],
])("redelivered %s with headers %j means %s", (flag, headers, expected) => {
  expect(isRedelivered(flag, headers)).toBe(expected);
});

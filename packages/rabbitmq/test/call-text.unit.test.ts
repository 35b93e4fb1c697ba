import type { Options } from "amqplib";
import { expect, test } from "vitest";
import type { Envelope } from "@waybill/core";
import { SYSTEM_HEADERS } from "@waybill/core";
import { callText, isCall, readCall } from "../src/outboxed/call.ts";
import { repeatedOptions } from "../src/outboxed/repeat-call.ts";

function envelope(call: string): Envelope {
  return {
    id: "0190b5a0-0000-7000-8000-000000000001",
    source: "orders",
    topic: "shop",
    version: 1,
    key: "shop/order.placed",
    partition: 3,
    headers: { [SYSTEM_HEADERS.call]: call },
    contentType: "application/octet-stream",
    payload: new Uint8Array(),
    createdAt: 0,
    position: { incarnation: "0190b5a0-0000-7000-8000-00000000000f", sequence: 7 },
  };
}

/** What the relay reads of what a service wrote. */
function travelled(options: Options.Publish, unroutable: "retry" | "drop" = "retry") {
  const read = envelope(callText({ exchange: "shop", routingKey: "order.placed", options, unroutable }));
  return { read, call: readCall(read) };
}

const properties = {
  CC: ["a", "b"],
  BCC: "c",
  mandatory: false,
  persistent: false,
  deliveryMode: 1,
  contentType: "text/plain",
  contentEncoding: "gzip",
  priority: 9,
  correlationId: "corr",
  replyTo: "amq.rabbitmq.reply-to",
  expiration: 60_000,
  messageId: "m-1",
  timestamp: 1_700_000_000,
  type: "placed",
  userId: "guest",
  appId: "shop",
} satisfies Options.Publish;

test("every property comes back as it was given", () => {
  const { call } = travelled(properties);
  expect(call).toEqual({
    exchange: "shop",
    routingKey: "order.placed",
    options: properties,
    unroutable: "retry",
  });
});

test("headers of every type that amqplib encodes come back as the same", () => {
  const headers = {
    text: "ä€𝄞 \u0000 \ud800",
    empty: "",
    yes: true,
    nothing: null,
    whole: -5,
    large: 2 ** 53,
    half: 0.5,
    minusZero: -0,
    endless: Number.NEGATIVE_INFINITY,
    notANumber: Number.NaN,
    bytes: Buffer.from([0, 255, 128]),
    list: [1, "two", [null, { deep: Buffer.from("x") }]],
    table: { "": 1, ["__proto__"]: "own", nested: { "!not": "a type" } },
    typed: { "!": "timestamp", value: 1_700_000_000 },
    long: { "!": "int64", value: 2n ** 62n },
    decimal: { "!": "decimal", value: { places: 2, digits: 1_999 } },
  };
  const { headers: read } = travelled({ headers }).call.options as { headers: typeof headers };
  expect(read).toStrictEqual(headers);
  expect(Object.keys(read)).toEqual(Object.keys(headers));
});

test("what amqplib reads of odd objects is what travels: inherited names, no undefined ones, no dates", () => {
  const inherited = Object.assign(Object.create({ shared: 1 }) as object, { own: 2, none: undefined });
  const { options } = travelled({ headers: Object.assign(inherited, { at: new Date(0) }) }).call;
  expect(options.headers).toEqual({ shared: 1, own: 2, at: {} });
});

test("a name that is `!` at the top of the headers is a name", () => {
  const headers = { "!": "int8", value: 1 };
  expect(travelled({ headers }).call.options.headers).toEqual(headers);
});

test("it is repeated persistent and mandatory, with Waybill's headers, none of which replaces one that is there", () => {
  const { read, call } = travelled({ ...properties, headers: { ce_id: "mine", tenant: 5 } });
  expect(repeatedOptions(read, call)).toEqual({
    ...properties,
    persistent: true,
    mandatory: true,
    headers: {
      ce_specversion: "1.0",
      ce_id: "mine",
      ce_source: "orders",
      ce_type: "order.placed",
      ce_time: "1970-01-01T00:00:00.000Z",
      ce_partitionkey: "shop/order.placed",
      "waybill-partition": "3",
      tenant: 5,
    },
  });
});

test("a message that may be dropped is mandatory only if the application said so", () => {
  const mandatory = (options: Options.Publish) => {
    const { read, call } = travelled(options, "drop");
    return repeatedOptions(read, call).mandatory;
  };
  expect([mandatory({}), mandatory({ mandatory: true })]).toEqual([false, true]);
});

test("a call that cannot be read is refused by name", () => {
  const broken = envelope("amqplib {");
  expect(isCall(broken)).toBe(true);
  expect(() => readCall(broken)).toThrow(/holds no call of amqplib/);
  expect(isCall({ ...broken, headers: {} })).toBe(false);
});

import { decodeMethod, encodeMethod, METHODS, ProtocolError, type Method } from "@waybill/amqp";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anyMethod, anyMethodOf, methodNames } from "./arbitraries.ts";

/** Bytes written by hand from the specification. */
const vectors: readonly (readonly [hex: string, method: Method])[] = [
  ["000a 0033", { name: "connection.close-ok" }],
  [
    "000a 001e 07ff 00020000 003c",
    { name: "connection.tune", channelMax: 2047, frameMax: 131_072, heartbeat: 60 },
  ],
  ["000a 0028 01 2f 00 00", { name: "connection.open", virtualHost: "/" }],
  ["0014 000a 00", { name: "channel.open" }],
  ["0014 000b 00000000", { name: "channel.open-ok" }],
  [
    "0014 0028 0194 02 6e6f 0032 000a",
    { name: "channel.close", replyCode: 404, replyText: "no", classId: 50, methodId: 10 },
  ],
  [
    "0032 000a 0000 01 71 02 00000000",
    {
      name: "queue.declare",
      queue: "q",
      passive: false,
      durable: true,
      exclusive: false,
      autoDelete: false,
      nowait: false,
      arguments: {},
    },
  ],
  [
    "0028 000a 0000 01 78 05 746f706963 1a 00000008 05 616c706861 74 01",
    {
      name: "exchange.declare",
      exchange: "x",
      type: "topic",
      passive: false,
      durable: true,
      autoDelete: false,
      internal: true,
      nowait: true,
      arguments: { alpha: true },
    },
  ],
  [
    "003c 0028 0000 01 78 01 79 01",
    { name: "basic.publish", exchange: "x", routingKey: "y", mandatory: true, immediate: false },
  ],
  [
    "003c 003c 01 63 0000010000000003 01 00 01 79",
    {
      name: "basic.deliver",
      consumerTag: "c",
      deliveryTag: 2 ** 40 + 3,
      redelivered: true,
      exchange: "",
      routingKey: "y",
    },
  ],
  ["003c 0050 0000000000000009 01", { name: "basic.ack", deliveryTag: 9, multiple: true }],
  ["003c 0078 0000000000000009 02", { name: "basic.nack", deliveryTag: 9, multiple: false, requeue: true }],
  ["0055 000a 01", { name: "confirm.select", nowait: true }],
  ["000a 003c 03 6d656d", { name: "connection.blocked", reason: "mem" }],
];

describe("methods", () => {
  it.each(vectors)("reads and writes %s", (hex, method) => {
    const bytes = Buffer.from(hex.replaceAll(" ", ""), "hex");
    expect(encodeMethod(method).toString("hex")).toBe(bytes.toString("hex"));
    expect(decodeMethod(bytes)).toEqual(method);
  });

  it.each(methodNames)("%s comes back as it was written", (name) => {
    fc.assert(
      fc.property(anyMethodOf(name), (method) => {
        expect(decodeMethod(encodeMethod(method))).toEqual(method);
      }),
      { numRuns: 30 },
    );
  });

  it("reads a method that lies within other bytes", () => {
    const bytes = encodeMethod({ name: "basic.ack", deliveryTag: 5, multiple: false });
    const within = Buffer.concat([Buffer.of(1, 2, 3), bytes, Buffer.of(4)]);
    expect(decodeMethod(within, 3, 3 + bytes.length)).toEqual({
      name: "basic.ack",
      deliveryTag: 5,
      multiple: false,
    });
  });

  it("refuses a method that is cut off, and says which it was", () => {
    fc.assert(
      fc.property(anyMethod, fc.nat(), (method, cut) => {
        const { classId, methodId } = METHODS[method.name];
        const bytes = encodeMethod(method);
        fc.pre(bytes.length > 4);
        const length = 4 + (cut % (bytes.length - 4));
        const error = errorOf(() => decodeMethod(bytes, 0, length));
        expect(error).toMatchObject({ reply: 502, scope: "connection", classId, methodId });
      }),
      { numRuns: 300 },
    );
  });

  it("refuses a method that does not exist", () => {
    const error = errorOf(() => decodeMethod(Buffer.of(0, 60, 0, 99)));
    expect(error).toMatchObject({ reply: 540, classId: 60, methodId: 99 });
  });

  it("refuses a name that is no UTF-8", () => {
    const bytes = Buffer.from("003c001e02c32800", "hex");
    expect(errorOf(() => decodeMethod(bytes))).toMatchObject({ reply: 502 });
  });

  it("does not write a name of more than 255 bytes", () => {
    const method = { name: "basic.cancel", consumerTag: "é".repeat(128), nowait: false } as const;
    expect(() => encodeMethod(method)).toThrow(RangeError);
  });
});

function errorOf(call: () => unknown): ProtocolError {
  try {
    call();
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
  throw new Error("it threw nothing");
}

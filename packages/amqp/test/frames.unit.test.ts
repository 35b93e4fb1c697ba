import {
  decodeMethod,
  decodeProperties,
  encodeProperties,
  FrameDecoder,
  FrameType,
  FrameWriter,
  HEARTBEAT,
  ProtocolError,
  readContentHeader,
} from "@waybill/amqp";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anyMethod, anyProperties, shortText } from "./arbitraries.ts";

interface Frame {
  readonly type: number;
  readonly channel: number;
  readonly payload: string;
}

function written(frameBytesMax: number, write: (writer: FrameWriter) => void): Buffer {
  const sent: Buffer[] = [];
  const writer = new FrameWriter(frameBytesMax, (bytes) => sent.push(bytes));
  write(writer);
  writer.flush();
  return Buffer.concat(sent);
}

function framesOf(bytes: Buffer, frameBytesMax: number, chunkSizes: readonly number[] = []): Frame[] {
  const decoder = new FrameDecoder(frameBytesMax);
  const frames: Frame[] = [];
  let at = 0;
  for (const size of [...chunkSizes, bytes.length]) {
    decoder.push(bytes.subarray(at, at + size));
    at = Math.min(at + size, bytes.length);
    while (decoder.next())
      frames.push({
        type: decoder.type,
        channel: decoder.channel,
        payload: decoder.payload().toString("hex"),
      });
  }
  return frames;
}

function frame(type: number, channel: number, payload: string, end = 0xce): Buffer {
  const content = Buffer.from(payload, "hex");
  const start = Buffer.alloc(7);
  start[0] = type;
  start.writeUInt16BE(channel, 1);
  start.writeUInt32BE(content.length, 3);
  return Buffer.concat([start, content, Buffer.of(end)]);
}

/** Spaces are for people. */
function hex(spaced: string): string {
  return spaced.replaceAll(" ", "");
}

describe("frames", () => {
  it("are written as the specification has them", () => {
    const bytes = written(4_096, (writer) => {
      writer.method(258, { name: "channel.open-ok" });
      writer.ack(1, 2 ** 32 + 5, true);
      writer.heartbeat();
    });
    expect(bytes.toString("hex")).toBe(
      hex("01010200000008 0014000b00000000ce 0100010000000d 003c0050000000010000000501ce 08000000000000ce"),
    );
  });

  it("are found however the chunks are cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(0xffff), anyMethod), { maxLength: 10 }),
        fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 60 }),
        (methods, chunkSizes) => {
          const bytes = written(131_072, (writer) => {
            for (const [channel, method] of methods) writer.method(channel, method);
          });
          const frames = framesOf(bytes, 131_072, chunkSizes);
          expect(
            frames.map(({ channel, payload }) => [channel, decodeMethod(Buffer.from(payload, "hex"))]),
          ).toEqual(methods);
        },
      ),
    );
  });

  it("of one chunk are not copied", () => {
    const chunk = frame(FrameType.body, 1, "0102");
    const decoder = new FrameDecoder(4_096);
    decoder.push(chunk);
    expect(decoder.next()).toBe(true);
    expect(decoder.bytes).toBe(chunk);
  });

  it("of several chunks keep their bytes when the next ones come", () => {
    const decoder = new FrameDecoder(4_096);
    const payloads: Buffer[] = [];
    for (const payload of ["aaaa", "bbbb"])
      for (const byte of frame(FrameType.body, 1, payload)) {
        decoder.push(Buffer.of(byte));
        while (decoder.next()) payloads.push(decoder.payload());
      }
    expect(payloads.map((payload) => payload.toString("hex"))).toEqual(["aaaa", "bbbb"]);
  });

  it.each([
    ["of an unknown type", frame(4, 0, ""), 501],
    ["without its end", frame(FrameType.method, 0, "00", 0xcd), 501],
    ["that is a heartbeat on a channel", frame(FrameType.heartbeat, 1, ""), 505],
    ["that is a heartbeat with content", frame(FrameType.heartbeat, 0, "00"), 501],
    ["that is too large", frame(FrameType.body, 1, "00".repeat(4_089)), 501],
  ])("refuses one %s, and everything after it", (_, bytes, reply) => {
    for (const cut of [0, 3, 7, bytes.length - 1]) {
      const decoder = new FrameDecoder(4_096);
      const read = (): void => {
        for (const chunk of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
          decoder.push(chunk);
          while (decoder.next());
        }
      };
      expect(read).toThrow(expect.objectContaining({ reply, scope: "connection" }));
      decoder.push(Buffer.from(HEARTBEAT));
      expect(() => decoder.next()).toThrow(ProtocolError);
    }
  });

  it("refuses a frame that is too large before it has arrived", () => {
    const decoder = new FrameDecoder(4_096);
    decoder.push(frame(FrameType.body, 1, "00".repeat(4_089)).subarray(0, 7));
    expect(() => decoder.next()).toThrow(ProtocolError);
  });

  it("takes one of exactly the agreed size, and follows a new agreement", () => {
    const bytes = frame(FrameType.body, 1, "00".repeat(4_088));
    expect(framesOf(bytes, 4_096)).toHaveLength(1);
    const decoder = new FrameDecoder(4_096);
    decoder.frameBytesMax = 8_192;
    decoder.push(frame(FrameType.body, 1, "00".repeat(8_184)));
    expect(decoder.next()).toBe(true);
  });
});

describe("a message", () => {
  it("is split into frames of the agreed size and comes back", () => {
    const message = fc.record({
      exchange: shortText,
      routingKey: shortText,
      consumerTag: shortText,
      tag: fc.maxSafeNat(),
      mandatory: fc.boolean(),
      redelivered: fc.boolean(),
      properties: anyProperties.map((properties) => encodeProperties(properties)),
      body: fc.nat(20_000).map((size) => Buffer.alloc(size, size)),
    });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 5 }), (messages) => {
        const bytes = written(4_096, (writer) => {
          for (const each of messages)
            if (each.properties.length < 4_000) {
              writer.publish(1, each);
              writer.deliver(2, each);
            }
        });
        const frames = framesOf(bytes, 4_096);
        for (const each of messages) {
          if (each.properties.length >= 4_000) continue;
          const { exchange, routingKey, mandatory, consumerTag, tag, redelivered } = each;
          expectMessage(frames, 1, each, {
            name: "basic.publish",
            exchange,
            routingKey,
            mandatory,
            immediate: false,
          });
          expectMessage(frames, 2, each, {
            name: "basic.deliver",
            consumerTag,
            deliveryTag: tag,
            redelivered,
            exchange,
            routingKey,
          });
        }
        expect(frames).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });

  function expectMessage(
    frames: Frame[],
    channel: number,
    message: { readonly properties: Buffer; readonly body: Buffer },
    method: object,
  ): void {
    const next = (): Buffer => {
      const found = frames.shift();
      expect(found?.channel).toBe(channel);
      return Buffer.from(found?.payload ?? "", "hex");
    };
    expect(decodeMethod(next())).toEqual(method);
    const { bodySize, properties } = readContentHeader(next());
    expect(bodySize).toBe(message.body.length);
    expect(decodeProperties(properties)).toEqual(decodeProperties(message.properties));
    const parts: Buffer[] = [];
    for (let left = bodySize; left > 0;) {
      const part = next();
      expect(part.length).toBe(Math.min(left, 4_088));
      left -= part.length;
      parts.push(part);
    }
    expect(Buffer.concat(parts).equals(message.body)).toBe(true);
  }

  it("of any method is written like the one of the fast way", () => {
    const content = { properties: encodeProperties({ deliveryMode: 2 }), body: Buffer.from("x") };
    const fast = written(4_096, (writer) =>
      writer.publish(3, { ...content, exchange: "é", routingKey: "k".repeat(200), mandatory: true }),
    );
    const general = written(4_096, (writer) =>
      writer.content(
        3,
        {
          name: "basic.publish",
          exchange: "é",
          routingKey: "k".repeat(200),
          mandatory: true,
          immediate: false,
        },
        content,
      ),
    );
    expect(general.equals(fast)).toBe(true);
  });

  it("that is refused for a long name leaves no trace", () => {
    const properties = encodeProperties({});
    const bytes = written(4_096, (writer) => {
      const message = {
        exchange: "",
        routingKey: "é".repeat(128),
        mandatory: false,
        properties,
        body: Buffer.alloc(0),
      };
      expect(() => writer.publish(1, message)).toThrow(RangeError);
      writer.ack(1, 1, false);
    });
    expect(framesOf(bytes, 4_096)).toHaveLength(1);
  });

  it("or a method that does not fit into a frame is refused", () => {
    const properties = encodeProperties({ headers: { a: "x".repeat(5_000) } });
    const content = { properties, body: Buffer.alloc(0) };
    const bytes = written(4_096, (writer) => {
      expect(() => writer.publish(1, { ...content, exchange: "", routingKey: "", mandatory: false })).toThrow(
        RangeError,
      );
      const method = { name: "connection.secure", challenge: Buffer.alloc(5_000) } as const;
      expect(() => writer.method(1, method)).toThrow(RangeError);
    });
    expect(bytes).toHaveLength(0);
  });

  it("uses its memory again once it has left, and not before", () => {
    const sent: { readonly bytes: Buffer; readonly done: () => void }[] = [];
    const writer = new FrameWriter(131_072, (bytes, done) => void sent.push({ bytes, done }));
    const send = (fill: number): void => {
      const body = Buffer.alloc(100_000, fill);
      const message = {
        exchange: "",
        routingKey: "",
        mandatory: false,
        properties: encodeProperties({}),
        body,
      };
      writer.publish(1, message);
      writer.flush();
    };
    for (let fill = 1; fill <= 3; fill += 1) send(fill);
    expect(new Set(sent.map(({ bytes }) => bytes.buffer)).size).toBe(3);
    expect(sent.map(({ bytes }) => bytes.at(-2))).toEqual([1, 2, 3]);
    sent[1]?.done();
    sent[1]?.done();
    send(4);
    send(5);
    expect(sent[3]?.bytes.buffer).toBe(sent[1]?.bytes.buffer);
    expect(sent[4]?.bytes.buffer).not.toBe(sent[1]?.bytes.buffer);
    expect([0, 2, 3, 4].map((index) => sent[index]?.bytes.at(-2))).toEqual([1, 3, 4, 5]);
  });

  it("holds no memory while nothing waits, so that many quiet connections share a little", () => {
    const sent: ArrayBufferLike[] = [];
    for (let connection = 0; connection < 100; connection += 1) {
      const writer = new FrameWriter(131_072, (bytes, done) => {
        sent.push(bytes.buffer);
        done();
      });
      writer.heartbeat();
      writer.flush();
    }
    expect(new Set(sent).size).toBe(1);
  });

  it("that was sent is not overwritten", () => {
    const sent: Buffer[] = [];
    const writer = new FrameWriter(131_072, (bytes) => sent.push(bytes));
    const properties = encodeProperties({});
    for (let fill = 0; fill < 40; fill += 1) {
      const body = Buffer.alloc(10_000, fill);
      writer.publish(1, { exchange: "", routingKey: "", mandatory: false, properties, body });
      if (fill % 3 === 0) writer.flush();
    }
    writer.flush();
    const bodies = framesOf(Buffer.concat(sent), 131_072).filter(({ type }) => type === FrameType.body);
    expect(bodies.map(({ payload }) => Number.parseInt(payload.slice(0, 2), 16))).toEqual(
      Array.from({ length: 40 }, (_, fill) => fill),
    );
  });
});

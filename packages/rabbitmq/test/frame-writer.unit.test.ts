import type { ConfirmChannel } from "amqplib";
import { expect, test } from "vitest";
import type { Envelope } from "@waybill/core";
import { FrameWriter } from "../src/publish/frame-writer.ts";
import { messageSender } from "../src/publish/message-sender.ts";
import { toAmqp } from "../src/wire/to-amqp.ts";

const FRAME_BYTES_MAX = 4_096;

function outgoing(payload: Uint8Array, headers: Record<string, string> = {}): ReturnType<typeof toAmqp> {
  const envelope: Envelope = {
    id: "1",
    source: "orders",
    topic: "order.placed",
    version: 1,
    key: "ä€𝄞",
    partition: 3,
    headers,
    contentType: "application/json",
    payload,
    createdAt: 0,
    position: null,
  };
  return toAmqp(envelope);
}

interface Frame {
  readonly kind: number;
  readonly channel: number;
  readonly content: Buffer;
}

/** Every byte belongs to a frame that ends as frames do. */
function framesOf(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = bytes.readUInt32BE(at + 3);
    const content = bytes.subarray(at + 7, at + 7 + size);
    expect(bytes[at + 7 + size]).toBe(0xce);
    frames.push({ kind: bytes[at] ?? 0, channel: bytes.readUInt16BE(at + 1), content });
    at += size + 8;
  }
  return frames;
}

function written(): { writer: FrameWriter; sent: Buffer[] } {
  const sent: Buffer[] = [];
  const writer = new FrameWriter(7, FRAME_BYTES_MAX, "waybill", (bytes) => void sent.push(bytes));
  return { writer, sent };
}

test("a message is a method, a header and as many bodies as its payload needs", () => {
  const { writer, sent } = written();
  const payload = Buffer.from(Array.from({ length: 10_000 }, (_, index) => index % 251));
  writer.add("order.placed", outgoing(payload));
  expect(sent).toEqual([]);
  writer.flush();
  writer.flush();
  expect(sent).toHaveLength(1);
  const frames = framesOf(sent[0] ?? Buffer.alloc(0));
  expect(frames.map(({ kind }) => kind)).toEqual([1, 2, 3, 3, 3]);
  expect(new Set(frames.map(({ channel }) => channel))).toEqual(new Set([7]));
  expect(frames[0]?.content.toString("latin1")).toBe("\0\x3c\0\x28\0\0\x07waybill\x0corder.placed\x01");
  expect(frames[1]?.content.readUInt32BE(8)).toBe(10_000);
  expect(frames[1]?.content.includes("ä€𝄞")).toBe(true);
  expect(frames.slice(2).every(({ content }) => content.length <= FRAME_BYTES_MAX - 8)).toBe(true);
  expect(Buffer.concat(frames.slice(2).map(({ content }) => content))).toEqual(payload);
});

test("a message without payload has no body", () => {
  const { writer, sent } = written();
  writer.add("order.placed", outgoing(new Uint8Array()));
  writer.flush();
  expect(framesOf(Buffer.concat(sent)).map(({ kind }) => kind)).toEqual([1, 2]);
});

test("thousands of messages leave in a few pieces, each of whole frames, in order", () => {
  const { writer, sent } = written();
  const payloads = Array.from({ length: 3_000 }, (_, index) =>
    Buffer.from(`${index}`.padStart(index % 300, " ")),
  );
  for (const payload of payloads) writer.add("order.placed", outgoing(payload));
  writer.flush();
  expect(sent.length).toBeLessThan(30);
  const bodies = sent.flatMap((bytes) => framesOf(bytes)).filter(({ kind }) => kind === 3);
  expect(bodies.map(({ content }) => content.toString())).toEqual(payloads.map(String));
});

test("what cannot be encoded leaves nothing behind, and the others arrive", () => {
  const { writer, sent } = written();
  writer.add("order.placed", outgoing(Buffer.from("before")));
  for (const headers of [
    { ["n".repeat(256)]: "name" },
    { large: "x".repeat(5_000) },
    { huge: "x".repeat(70_000) },
  ]) {
    expect(() => writer.add("order.placed", outgoing(Buffer.from("lost"), headers))).toThrow(RangeError);
  }
  writer.add("order.placed", outgoing(Buffer.from("after")));
  writer.flush();
  const bodies = framesOf(Buffer.concat(sent)).filter(({ kind }) => kind === 3);
  expect(bodies.map(({ content }) => content.toString())).toEqual(["before", "after"]);
});

test("with an amqplib whose insides are others, its own publish is called", () => {
  const calls: unknown[][] = [];
  const channel = { connection: {}, publish: (...args: unknown[]) => calls.push(args) };
  const sender = messageSender(channel as unknown as ConfirmChannel, "waybill");
  const message = outgoing(Buffer.from("{}"));
  sender.send("order.placed", message);
  sender.flush();
  expect(calls).toEqual([
    ["waybill", "order.placed", message.content, { ...message.properties, mandatory: true }],
  ]);
});

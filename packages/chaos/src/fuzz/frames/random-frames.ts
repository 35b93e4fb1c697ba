import { encodeMethod, encodeProperties, FrameType } from "@waybill/amqp";
import type { Seeded } from "../../seeded.ts";
import { mutate } from "./mutate.ts";
import { randomBytes, randomMethod, randomProperties } from "./random-methods.ts";

const FRAMES_MAX = 6;
const BODY_BYTES_MAX = 300;
const BASIC = 60;
const FRAME_END = 0xce;

/** Bytes as a client might send them, and whether anything was changed in them. */
export interface RandomFrames {
  readonly bytes: Buffer;
  readonly isIntact: boolean;
}

/**
 * Frames with methods, headers and bodies. Most inputs are changed: within the payload of a frame, so that its length is
 * right and what is inside is looked at, or anywhere in the bytes.
 */
export function randomFrames(chance: Seeded): RandomFrames {
  let isIntact = true;
  const frames: Buffer[] = [];
  for (let count = 1 + chance.below(FRAMES_MAX); count > 0; count -= 1) {
    const type = randomType(chance);
    let payload = randomPayload(chance, type);
    if (chance.below(3) === 0) {
      payload = mutate(chance, payload);
      isIntact = false;
    }
    frames.push(frame(type, type === FrameType.heartbeat ? 0 : chance.below(2 ** 16), payload));
  }
  let bytes: Buffer = Buffer.concat(frames);
  if (chance.below(3) === 0) {
    bytes = mutate(chance, bytes);
    isIntact = false;
  }
  return { bytes, isIntact };
}

function randomType(chance: Seeded): number {
  const drawn = chance.below(10);
  if (drawn < 5) return FrameType.method;
  if (drawn < 8) return FrameType.header;
  return drawn === 8 ? FrameType.body : FrameType.heartbeat;
}

function randomPayload(chance: Seeded, type: number): Buffer {
  if (type === FrameType.method) return encodeMethod(randomMethod(chance));
  if (type === FrameType.header) return randomHeader(chance);
  return type === FrameType.body ? randomBytes(chance, BODY_BYTES_MAX) : Buffer.alloc(0);
}

function randomHeader(chance: Seeded): Buffer {
  const start = Buffer.alloc(12);
  start.writeUInt16BE(BASIC);
  start.writeUInt32BE(chance.below(2 ** 20), 4);
  start.writeUInt32BE(chance.below(2 ** 32), 8);
  return Buffer.concat([start, encodeProperties(randomProperties(chance))]);
}

function frame(type: number, channel: number, payload: Buffer): Buffer {
  const start = Buffer.alloc(7);
  start[0] = type;
  start.writeUInt16BE(channel, 1);
  start.writeUInt32BE(payload.length, 3);
  return Buffer.concat([start, payload, Buffer.of(FRAME_END)]);
}

import {
  decodeMethod,
  decodeProperties,
  encodeMethod,
  encodeProperties,
  FrameDecoder,
  FrameType,
  METHODS,
  ProtocolError,
  readContentHeader,
  readProperty,
  replaceHeaders,
} from "@waybill/amqp";
import type { Seeded } from "../../seeded.ts";
import type { FuzzTarget, Verdict } from "../fuzz.ts";
import { randomFrames } from "./random-frames.ts";

const FRAME_BYTES_MAX = 131_072;
/** Most chunks are as small as this, so that frames lie across them. */
const CHUNK_BYTES_MAX = 40;
const INPUT_MS_MAX = 2_000;
const REPLIES: ReadonlySet<number> = new Set([501, 502, 505, 540]);
const KNOWN_IDS: ReadonlySet<string> = new Set(
  Object.values(METHODS).map(({ classId, methodId }) => `${classId}.${methodId}`),
);

/** The decoder of frames, and the codecs of what is in them. */
export function frameTarget(): FuzzTarget {
  return { inputMsMax: INPUT_MS_MAX, tryOne };
}

/**
 * Frames are found, or refused with a reply code, in the same way however the bytes are cut; what was read can be
 * written and is the same when it is read again; and what nobody changed is read to its end.
 */
function tryOne(chance: Seeded): Verdict {
  const { bytes, isIntact } = randomFrames(chance);
  const whole = read(bytes, () => bytes.length);
  const cut = read(bytes, () => chance.below(CHUNK_BYTES_MAX));
  if (whole !== cut) throw new Error(`cut into chunks it is ${cut}, as a whole ${whole}`);
  const isRefused = whole.includes("refused");
  if (isIntact && isRefused) throw new Error(`intact frames were ${whole}`);
  return isRefused ? "refused" : "read";
}

/** What became of the bytes, as text to be compared. */
function read(bytes: Buffer, nextSize: () => number): string {
  const decoder = new FrameDecoder(FRAME_BYTES_MAX);
  const seen: string[] = [];
  try {
    for (let at = 0; at < bytes.length;) {
      const size = nextSize();
      decoder.push(bytes.subarray(at, at + size));
      at += size;
      while (decoder.next()) seen.push(`${decoder.type} ${decoder.channel} ${readFrame(decoder)}`);
    }
    return seen.join("\n");
  } catch (error) {
    return [...seen, refusalOf(error)].join("\n");
  }
}

function readFrame(decoder: FrameDecoder): string {
  const { bytes, start, end } = decoder;
  if (decoder.type === FrameType.method) return readMethod(bytes, start, end);
  if (decoder.type === FrameType.header) return readHeader(bytes, start, end);
  return decoder.payload().toString("latin1");
}

function readMethod(bytes: Buffer, start: number, end: number): string {
  const method = decodeMethod(bytes, start, end);
  const written = encodeMethod(method);
  mustBeSame(written, encodeMethod(decodeMethod(written)));
  return written.toString("latin1");
}

function readHeader(bytes: Buffer, start: number, end: number): string {
  const { bodySize, properties } = readContentHeader(bytes, start, end);
  const decoded = decodeProperties(properties);
  const written = encodeProperties(decoded);
  mustBeSame(written, encodeProperties(decodeProperties(written)));
  if (readProperty(properties, "deliveryMode") !== decoded.deliveryMode)
    throw new Error("another delivery mode");
  if (readProperty(properties, "expiration") !== decoded.expiration) throw new Error("another expiration");
  const replaced = decodeProperties(replaceHeaders(properties, { added: true })).headers;
  if (replaced?.["added"] !== true) throw new Error("a header that was added is not there");
  return `${bodySize} ${written.toString("latin1")}`;
}

/** The reply code and the method at fault; anything but a `ProtocolError` is a fault of the decoder. */
function refusalOf(error: unknown): string {
  if (!(error instanceof ProtocolError)) throw error;
  const { reply, classId, methodId } = error;
  if (!REPLIES.has(reply)) throw new Error(`refused with ${reply}`, { cause: error });
  if (reply === 502 && classId !== 0 && !KNOWN_IDS.has(`${classId}.${methodId}`))
    throw new Error(`a syntax error in the unknown method ${classId}.${methodId}`, { cause: error });
  return `refused ${reply} ${classId} ${methodId}`;
}

function mustBeSame(written: Buffer, again: Buffer): void {
  if (!written.equals(again))
    throw new Error("what was read is not the same when it is written and read again");
}

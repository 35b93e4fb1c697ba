import { encodeMethod } from "../methods/method-codec.ts";
import type { Method } from "../methods/methods.ts";
import { FRAME_END, FRAME_OVERHEAD_BYTES, FRAME_START_BYTES, FrameType, HEARTBEAT } from "../protocol.ts";
import { Chunk } from "./chunk-memory.ts";

const NO_BYTES: Buffer = Buffer.alloc(0);
const SHORT_BYTES_MAX = 255;
/** Class, weight and body size. */
const CONTENT_HEADER_BYTES = 12;
/** More than a content method takes beside its strings: ids, ticket, delivery tag, lengths, counts and flags. */
const METHOD_BYTES_MAX = 32;
/** Shorter strings are written here; calling into Node.js costs more. */
const SHORT_COPY_MAX = 48;

const CLASS_BASIC = 60;
const PUBLISH = 40;
const DELIVER = 60;
const ACK = 80;

/** What follows a method that has content. */
export interface ContentToSend {
  /** Property flags and property list as they are sent. */
  readonly properties: Uint8Array;
  readonly body: Uint8Array;
}

export interface PublishToSend extends ContentToSend {
  readonly exchange: string;
  readonly routingKey: string;
  readonly mandatory: boolean;
}

export interface DeliverToSend extends ContentToSend {
  readonly consumerTag: string;
  readonly tag: number;
  readonly redelivered: boolean;
  readonly exchange: string;
  readonly routingKey: string;
}

/**
 * Writes frames one behind the other into memory that is sent as a whole. Memory that was sent is written again only when
 * whoever sends it says that it has left; a connection on which nothing waits holds none. A message is written as a whole
 * or not at all; it takes a method frame, a header frame and as many body frames as the agreed size of frames makes
 * necessary.
 */
export class FrameWriter {
  readonly #send: (bytes: Buffer, sent: () => void) => void;
  #frameBytesMax: number;
  #memory: Chunk | null = null;
  #chunk: Buffer = NO_BYTES;
  /** Where the first frame that is not sent begins, and where the next one goes. */
  #start = 0;
  #end = 0;

  /**
   * @param frameBytesMax of a whole frame, with its 8 bytes of overhead
   * @param send gets what was written: with `flush`, and before when the memory is full. It calls `sent` when the bytes are
   *   not needed any more; without that, their memory is left to the garbage collector
   */
  constructor(frameBytesMax: number, send: (bytes: Buffer, sent: () => void) => void) {
    this.#frameBytesMax = frameBytesMax;
    this.#send = send;
  }

  /** What was agreed on by `connection.tune-ok`. */
  set frameBytesMax(bytes: number) {
    this.#frameBytesMax = bytes;
  }

  /** Bytes that were written and not sent. */
  get pendingBytes(): number {
    return this.#end - this.#start;
  }

  /** Sends what was written. */
  flush(): void {
    const memory = this.#memory;
    if (memory === null || this.#end === this.#start) return;
    const bytes = this.#chunk.subarray(this.#start, this.#end);
    this.#start = this.#end;
    const done = memory.lend();
    this.#send(bytes, () => {
      done();
      if (memory === this.#memory && !memory.isRead && this.pendingBytes === 0) this.#leave();
    });
  }

  heartbeat(): void {
    this.#reserve(HEARTBEAT.length);
    this.#chunk.set(HEARTBEAT, this.#end);
    this.#end += HEARTBEAT.length;
  }

  /** A method without content. @throws RangeError when it does not fit into a frame */
  method(channel: number, method: Method): void {
    const payload = encodeMethod(method);
    this.#mustFit(payload.length);
    this.#reserve(payload.length + FRAME_OVERHEAD_BYTES);
    const frame = this.#begin(FrameType.method, channel);
    this.#raw(payload);
    this.#finish(frame);
  }

  /** A method that has content: basic.publish, deliver, get-ok and return. @throws RangeError when a frame would be too large */
  content(channel: number, method: Method, content: ContentToSend): void {
    const payload = encodeMethod(method);
    this.#mustFit(payload.length);
    this.#mustFit(CONTENT_HEADER_BYTES + content.properties.length);
    this.#reserve(payload.length + this.#contentBytes(content));
    const frame = this.#begin(FrameType.method, channel);
    this.#raw(payload);
    this.#finish(frame);
    this.#content(channel, content);
  }

  /** @throws RangeError when a name or the properties are too long */
  publish(channel: number, message: PublishToSend): void {
    const { exchange, routingKey } = message;
    this.#mustFit(CONTENT_HEADER_BYTES + message.properties.length);
    this.#reserve(METHOD_BYTES_MAX + (exchange.length + routingKey.length) * 3 + this.#contentBytes(message));
    const frame = this.#beginMethod(channel, PUBLISH);
    // The ticket of a class that is no longer.
    this.#short(0);
    this.#shortstr(exchange, frame);
    this.#shortstr(routingKey, frame);
    this.#octet(message.mandatory ? 1 : 0);
    this.#finish(frame);
    this.#content(channel, message);
  }

  /** @throws RangeError when a name or the properties are too long */
  deliver(channel: number, message: DeliverToSend): void {
    const { consumerTag, exchange, routingKey } = message;
    this.#mustFit(CONTENT_HEADER_BYTES + message.properties.length);
    const characters = consumerTag.length + exchange.length + routingKey.length;
    this.#reserve(METHOD_BYTES_MAX + characters * 3 + this.#contentBytes(message));
    const frame = this.#beginMethod(channel, DELIVER);
    this.#shortstr(consumerTag, frame);
    this.#longlong(message.tag);
    this.#octet(message.redelivered ? 1 : 0);
    this.#shortstr(exchange, frame);
    this.#shortstr(routingKey, frame);
    this.#finish(frame);
    this.#content(channel, message);
  }

  ack(channel: number, tag: number, multiple: boolean): void {
    this.#reserve(METHOD_BYTES_MAX);
    const frame = this.#beginMethod(channel, ACK);
    this.#longlong(tag);
    this.#octet(multiple ? 1 : 0);
    this.#finish(frame);
  }

  #content(channel: number, { properties, body }: ContentToSend): void {
    const frame = this.#begin(FrameType.header, channel);
    this.#short(CLASS_BASIC);
    this.#short(0);
    this.#longlong(body.length);
    this.#raw(properties);
    this.#finish(frame);
    const bodyBytesMax = this.#frameBytesMax - FRAME_OVERHEAD_BYTES;
    if (body.length <= bodyBytesMax) {
      if (body.length > 0) this.#body(channel, body);
      return;
    }
    for (let from = 0; from < body.length; from += bodyBytesMax)
      this.#body(channel, body.subarray(from, from + bodyBytesMax));
  }

  #body(channel: number, bytes: Uint8Array): void {
    const frame = this.#begin(FrameType.body, channel);
    this.#raw(bytes);
    this.#finish(frame);
  }

  /** What header and body frames take. */
  #contentBytes({ properties, body }: ContentToSend): number {
    const frames = 1 + Math.ceil(body.length / (this.#frameBytesMax - FRAME_OVERHEAD_BYTES));
    return CONTENT_HEADER_BYTES + properties.length + body.length + (frames + 1) * FRAME_OVERHEAD_BYTES;
  }

  #mustFit(payloadBytes: number): void {
    if (payloadBytes + FRAME_OVERHEAD_BYTES > this.#frameBytesMax)
      throw new RangeError(`${payloadBytes} bytes do not fit into a frame of ${this.#frameBytesMax}`);
  }

  #beginMethod(channel: number, methodId: number): number {
    const frame = this.#begin(FrameType.method, channel);
    this.#short(CLASS_BASIC);
    this.#short(methodId);
    return frame;
  }

  #begin(type: number, channel: number): number {
    const start = this.#end;
    this.#chunk[start] = type;
    this.#chunk[start + 1] = channel >>> 8;
    this.#chunk[start + 2] = channel;
    this.#end = start + FRAME_START_BYTES;
    return start;
  }

  #finish(start: number): void {
    this.#chunk.writeUInt32BE(this.#end - start - FRAME_START_BYTES, start + 3);
    this.#octet(FRAME_END);
  }

  #octet(value: number): void {
    this.#chunk[this.#end] = value;
    this.#end += 1;
  }

  #short(value: number): void {
    this.#chunk[this.#end] = value >>> 8;
    this.#chunk[this.#end + 1] = value;
    this.#end += 2;
  }

  #longlong(value: number): void {
    const high = Math.floor(value / 0x1_0000_0000);
    this.#chunk.writeUInt32BE(high, this.#end);
    this.#chunk.writeUInt32BE(value - high * 0x1_0000_0000, this.#end + 4);
    this.#end += 8;
  }

  #raw(bytes: Uint8Array): void {
    this.#chunk.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** Takes the frame back when the text is too long. */
  #shortstr(text: string, frame: number): void {
    const at = this.#end + 1;
    const size = this.#ascii(text, at) ? text.length : this.#chunk.write(text, at, text.length * 3);
    if (size > SHORT_BYTES_MAX) {
      this.#end = frame;
      throw new RangeError(`a name of ${size} bytes`);
    }
    this.#chunk[at - 1] = size;
    this.#end = at + size;
  }

  /** Writes a short text of ASCII; false when it is none. */
  #ascii(text: string, at: number): boolean {
    if (text.length > SHORT_COPY_MAX) return false;
    for (let index = 0; index < text.length; index += 1) {
      const code = text.charCodeAt(index);
      if (code > 0x7f) return false;
      this.#chunk[at + index] = code;
    }
    return true;
  }

  /** Makes room. What was sent may still be on its way: the next frames go behind it, or into other memory. */
  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#chunk.length) return;
    this.flush();
    this.#leave();
    this.#memory = Chunk.take(bytes);
    this.#chunk = this.#memory.bytes;
  }

  #leave(): void {
    this.#memory?.leave();
    this.#memory = null;
    this.#chunk = NO_BYTES;
    this.#start = 0;
    this.#end = 0;
  }
}

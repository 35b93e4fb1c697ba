import type { OutgoingMessage } from "../wire/to-amqp.ts";

const CHUNK_BYTES = 128 * 1024;
/** As amqplib has it; a header must fit into one frame. */
const TABLE_BYTES_MAX = 64 * 1024;
const SHORT_BYTES_MAX = 255;
const UTF8_BYTES_MAX = 3;

const METHOD = 1;
const HEADER = 2;
const BODY = 3;
const FRAME_END = 0xce;
/** Type, channel and size before the content of a frame, its end after it. */
const FRAME_START_BYTES = 7;
const FRAME_OVERHEAD_BYTES = FRAME_START_BYTES + 1;

const CLASS_BASIC = 60;
const METHOD_PUBLISH = 40;
const MANDATORY = 1;
const LONG_STRING = "S".charCodeAt(0);

const HAS_CONTENT_TYPE = 0x8000;
const HAS_HEADERS = 0x2000;
const HAS_DELIVERY_MODE = 0x1000;
const HAS_MESSAGE_ID = 0x0080;
const HAS_TYPE = 0x0020;
const HAS_APP_ID = 0x0008;

/**
 * Writes messages as AMQP 0-9-1 frames, many of them into one piece of memory that is sent as a whole.
 *
 * ```
 * method frame   01 channel size | 60 40 ticket exchange routing-key mandatory                     | CE
 * header frame   02 channel size | 60 weight body-size flags content-type headers delivery-mode …  | CE
 * body frames    03 channel size | up to frame-max - 8 bytes of the payload                        | CE
 * ```
 *
 * Strings have their length before them: one byte where they are short, four in the header table.
 */
export class FrameWriter {
  readonly #channel: number;
  readonly #bodyBytesMax: number;
  readonly #exchange: string;
  readonly #send: (bytes: Buffer) => void;
  #chunk: Buffer = Buffer.alloc(0);
  /** Where the first frame that is not sent begins, and where the next one goes. */
  #start = 0;
  #end = 0;

  constructor(channel: number, frameBytesMax: number, exchange: string, send: (bytes: Buffer) => void) {
    this.#channel = channel;
    this.#bodyBytesMax = frameBytesMax - FRAME_OVERHEAD_BYTES;
    this.#exchange = exchange;
    this.#send = send;
  }

  /**
   * Adds a message; it leaves with `flush` at the latest.
   *
   * @throws RangeError when a name or the header table is too long; nothing was added then
   */
  add(routingKey: string, message: OutgoingMessage): void {
    this.#reserve(bytesAtMost(this.#exchange, routingKey, message, this.#bodyBytesMax));
    const before = this.#end;
    try {
      this.#method(routingKey);
      this.#header(message);
    } catch (error) {
      this.#end = before;
      throw error;
    }
    const { content } = message;
    for (let from = 0; from < content.length; from += this.#bodyBytesMax) {
      const size = Math.min(this.#bodyBytesMax, content.length - from);
      const frame = this.#begin(BODY);
      content.copy(this.#chunk, this.#end, from, from + size);
      this.#end += size;
      this.#finish(frame);
    }
  }

  /** Sends what was added. */
  flush(): void {
    if (this.#end === this.#start) return;
    const bytes = this.#chunk.subarray(this.#start, this.#end);
    this.#start = this.#end;
    this.#send(bytes);
  }

  #method(routingKey: string): void {
    const frame = this.#begin(METHOD);
    this.#uint16(CLASS_BASIC);
    this.#uint16(METHOD_PUBLISH);
    this.#uint16(0);
    this.#short(this.#exchange);
    this.#short(routingKey);
    this.#uint8(MANDATORY);
    this.#finish(frame);
  }

  #header({ content, properties }: OutgoingMessage): void {
    const { contentType, headers, deliveryMode, messageId, type, appId } = properties;
    const frame = this.#begin(HEADER);
    this.#uint16(CLASS_BASIC);
    this.#uint16(0);
    this.#uint32(0);
    this.#uint32(content.length);
    this.#uint16(
      HAS_HEADERS |
        HAS_DELIVERY_MODE |
        (contentType === undefined ? 0 : HAS_CONTENT_TYPE) |
        (messageId === undefined ? 0 : HAS_MESSAGE_ID) |
        (type === undefined ? 0 : HAS_TYPE) |
        (appId === undefined ? 0 : HAS_APP_ID),
    );
    if (contentType !== undefined) this.#short(contentType);
    this.#table(headers);
    this.#uint8(deliveryMode);
    if (messageId !== undefined) this.#short(messageId);
    if (type !== undefined) this.#short(type);
    if (appId !== undefined) this.#short(appId);
    const size = this.#end - frame - FRAME_START_BYTES;
    if (size > this.#bodyBytesMax) throw new RangeError(`the headers take ${size} bytes`);
    this.#finish(frame);
  }

  #table(headers: Readonly<Record<string, string>>): void {
    const start = this.#end;
    this.#end += 4;
    for (const name in headers) {
      const value = headers[name];
      if (value === undefined) continue;
      this.#short(name);
      this.#uint8(LONG_STRING);
      const size = this.#chunk.write(value, this.#end + 4);
      this.#uint32(size);
      this.#end += size;
    }
    const size = this.#end - start;
    if (size > TABLE_BYTES_MAX) throw new RangeError(`the headers take ${size} bytes`);
    this.#chunk.writeUInt32BE(size - 4, start);
  }

  #begin(kind: number): number {
    const start = this.#end;
    this.#chunk[start] = kind;
    this.#chunk.writeUInt16BE(this.#channel, start + 1);
    this.#end += FRAME_START_BYTES;
    return start;
  }

  #finish(start: number): void {
    this.#chunk.writeUInt32BE(this.#end - start - FRAME_START_BYTES, start + 3);
    this.#uint8(FRAME_END);
  }

  #short(text: string): void {
    const size = this.#chunk.write(text, this.#end + 1);
    if (size > SHORT_BYTES_MAX) throw new RangeError(`a name of ${size} bytes`);
    this.#chunk[this.#end] = size;
    this.#end += 1 + size;
  }

  #uint8(value: number): void {
    this.#chunk[this.#end] = value;
    this.#end += 1;
  }

  #uint16(value: number): void {
    this.#end = this.#chunk.writeUInt16BE(value, this.#end);
  }

  #uint32(value: number): void {
    this.#end = this.#chunk.writeUInt32BE(value, this.#end);
  }

  /** Makes room. What was sent may still be on its way, so memory is never written twice. */
  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#chunk.length) return;
    this.flush();
    this.#chunk = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, bytes));
    this.#start = 0;
    this.#end = 0;
  }
}

/** More than the message can take, without looking at each character. */
function bytesAtMost(
  exchange: string,
  routingKey: string,
  { content, properties }: OutgoingMessage,
  bodyBytesMax: number,
): number {
  const { contentType, headers, messageId, type, appId } = properties;
  let characters = exchange.length + routingKey.length + (contentType?.length ?? 0);
  characters += (messageId?.length ?? 0) + (type?.length ?? 0) + (appId?.length ?? 0);
  let entries = 0;
  for (const name in headers) {
    characters += name.length + (headers[name]?.length ?? 0);
    entries += 1;
  }
  const frames = 2 + Math.ceil(content.length / bodyBytesMax);
  return characters * UTF8_BYTES_MAX + entries * 6 + frames * FRAME_OVERHEAD_BYTES + 64 + content.length;
}

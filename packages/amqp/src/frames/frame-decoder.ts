import { ProtocolError, ReplyCode } from "../protocol-error.ts";
import { FRAME_END, FRAME_OVERHEAD_BYTES, FRAME_START_BYTES, FrameType } from "../protocol.ts";

const NOTHING: Buffer = Buffer.alloc(0);

/**
 * Finds frames in the chunks that a socket delivers. A frame that lies within one chunk is not copied; one that lies
 * across several is put together in memory of its own, at most `frameBytesMax` at a time.
 *
 * ```ts
 * decoder.push(chunk);
 * while (decoder.next()) handle(decoder.type, decoder.channel, decoder.bytes, decoder.start, decoder.end);
 * ```
 *
 * Every chunk is read to its end (`next` said false) before the next one is pushed.
 */
export class FrameDecoder {
  /** Of the current frame: one of `FrameType`. */
  type = 0;
  channel = 0;
  /** Its payload is `bytes` from `start` to `end`. The memory is not used again by the decoder. */
  bytes: Buffer = NOTHING;
  start = 0;
  end = 0;
  #frameBytesMax: number;
  #chunk: Buffer = NOTHING;
  #at = 0;
  /** The beginning of a frame whose rest has not arrived, and how much of it there is. */
  #partial: Buffer = NOTHING;
  #partialBytes = 0;
  #failure: ProtocolError | null = null;

  /** @param frameBytesMax of a whole frame, with its 8 bytes of overhead */
  constructor(frameBytesMax: number) {
    this.#frameBytesMax = frameBytesMax;
  }

  /** What was agreed on by `connection.tune-ok`; for frames from the next one on. */
  set frameBytesMax(bytes: number) {
    this.#frameBytesMax = bytes;
  }

  /** The payload of the current frame; shares its memory. */
  payload(): Buffer {
    return this.bytes.subarray(this.start, this.end);
  }

  push(chunk: Buffer): void {
    if (this.#at !== this.#chunk.length) throw new Error("the chunk before was not read to its end");
    this.#chunk = chunk;
    this.#at = 0;
  }

  /**
   * Goes to the next frame; false when its end has not arrived.
   *
   * @throws ProtocolError 501 for a frame of unknown type, too large, or without its end; 505 for a heartbeat on a
   *   channel. Nothing can be read after it: every further call throws it again
   */
  next(): boolean {
    if (this.#failure !== null) throw this.#failure;
    if (this.#partialBytes > 0) return this.#nextOfSeveral();
    const chunk = this.#chunk;
    const at = this.#at;
    const left = chunk.length - at;
    if (left < FRAME_START_BYTES) return this.#keep(FRAME_START_BYTES);
    const frameBytes = this.#frameBytes(chunk, at);
    if (left < frameBytes) return this.#keep(frameBytes);
    this.#at = at + frameBytes;
    this.#take(chunk, at, frameBytes);
    return true;
  }

  #nextOfSeveral(): boolean {
    if (!this.#fill(FRAME_START_BYTES)) return false;
    const frameBytes = this.#frameBytes(this.#partial, 0);
    if (!this.#fill(frameBytes)) return false;
    this.#partialBytes = 0;
    this.#take(this.#partial, 0, frameBytes);
    this.#partial = NOTHING;
    return true;
  }

  /** Keeps what is left of the chunk as the beginning of a frame. */
  #keep(bytesNeeded: number): false {
    if (this.#at < this.#chunk.length) this.#fill(bytesNeeded);
    this.#chunk = NOTHING;
    this.#at = 0;
    return false;
  }

  /** Takes from the chunk until there are so many bytes of the frame. */
  #fill(bytesNeeded: number): boolean {
    if (this.#partial.length < bytesNeeded) {
      const larger = Buffer.allocUnsafe(bytesNeeded);
      this.#partial.copy(larger, 0, 0, this.#partialBytes);
      this.#partial = larger;
    }
    const bytes = Math.min(Math.max(bytesNeeded - this.#partialBytes, 0), this.#chunk.length - this.#at);
    this.#chunk.copy(this.#partial, this.#partialBytes, this.#at, this.#at + bytes);
    this.#at += bytes;
    this.#partialBytes += bytes;
    if (this.#partialBytes >= bytesNeeded) return true;
    this.#chunk = NOTHING;
    this.#at = 0;
    return false;
  }

  /** The length of the frame that begins at `at`, where its first seven bytes are. */
  #frameBytes(bytes: Buffer, at: number): number {
    const type = bytes[at];
    const frameBytes = bytes.readUInt32BE(at + 3) + FRAME_OVERHEAD_BYTES;
    if (type !== FrameType.method && type !== FrameType.header && type !== FrameType.body)
      this.#mustBeHeartbeat(type, bytes.readUInt16BE(at + 1), frameBytes);
    if (frameBytes > this.#frameBytesMax)
      this.#fail(ReplyCode.frameError, `a frame of ${frameBytes} bytes; the limit is ${this.#frameBytesMax}`);
    return frameBytes;
  }

  #mustBeHeartbeat(type: number | undefined, channel: number, frameBytes: number): void {
    if (type !== FrameType.heartbeat) this.#fail(ReplyCode.frameError, `a frame of the unknown type ${type}`);
    if (channel !== 0) this.#fail(ReplyCode.unexpectedFrame, `a heartbeat on channel ${channel}`);
    if (frameBytes !== FRAME_OVERHEAD_BYTES) this.#fail(ReplyCode.frameError, "a heartbeat with content");
  }

  #take(bytes: Buffer, at: number, frameBytes: number): void {
    const end = at + frameBytes - 1;
    if (bytes[end] !== FRAME_END) this.#fail(ReplyCode.frameError, "a frame without its end");
    this.type = bytes[at] as number;
    this.channel = bytes.readUInt16BE(at + 1);
    this.bytes = bytes;
    this.start = at + FRAME_START_BYTES;
    this.end = end;
  }

  #fail(reply: number, message: string): never {
    this.#failure = new ProtocolError(reply, message);
    this.#chunk = NOTHING;
    this.#at = 0;
    throw this.#failure;
  }
}

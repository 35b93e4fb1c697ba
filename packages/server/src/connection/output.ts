import type { Socket } from "node:net";
import { FrameWriter } from "@waybill/amqp";

/** Replies may go on when deliveries are held, but not for ever: with so many times the limit, reading stops too. */
const REPLIES_FACTOR = 4;

export interface OutputOptions {
  readonly frameBytesMax: number;
  readonly outputBytesMax: number;
  readonly sendTimeoutMs: number;
  /** More waits than the limit. */
  onFull(): void;
  /** All of it has left. */
  onDrained(): void;
  /** The client took nothing of what waits during `sendTimeoutMs`. */
  onStalled(): void;
}

/**
 * What goes to one client. Frames of one turn of the event loop leave together: they are written to `frames`, and whoever
 * writes calls `soon`.
 */
export class Output {
  readonly frames: FrameWriter;
  readonly #socket: Socket;
  readonly #options: OutputOptions;
  readonly #flush = (): void => this.flush();
  #isDue = false;
  #isFull = false;
  #hasSent = false;
  #stallTimer: NodeJS.Timeout | undefined;

  constructor(socket: Socket, options: OutputOptions) {
    this.#socket = socket;
    this.#options = options;
    this.frames = new FrameWriter(options.frameBytesMax, (bytes, sent) => this.#send(bytes, sent));
    socket.on("drain", () => this.#drained());
    socket.on("close", () => clearTimeout(this.#stallTimer));
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  /** Not even replies have room. */
  get isOverfull(): boolean {
    return this.#isFull && this.waitingBytes > REPLIES_FACTOR * this.#options.outputBytesMax;
  }

  get waitingBytes(): number {
    return this.#socket.writableLength + this.frames.pendingBytes;
  }

  /** What was written leaves at the end of this turn. */
  soon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(this.#flush);
  }

  flush(): void {
    this.#isDue = false;
    this.frames.flush();
  }

  /** Whether anything was sent since this was asked last. */
  takeHasSent(): boolean {
    const hasSent = this.#hasSent;
    this.#hasSent = false;
    return hasSent;
  }

  #send(bytes: Buffer, sent: () => void): void {
    if (!this.#socket.writable) return;
    this.#hasSent = true;
    this.#socket.write(bytes, (error) => {
      if (!error) sent();
    });
    if (this.#isFull || this.#socket.writableLength <= this.#options.outputBytesMax) return;
    this.#isFull = true;
    this.#watch(this.#socket.writableLength);
    this.#options.onFull();
  }

  #drained(): void {
    if (!this.#isFull) return;
    this.#isFull = false;
    clearTimeout(this.#stallTimer);
    this.#options.onDrained();
  }

  #watch(waitingBytes: number): void {
    this.#stallTimer = setTimeout(() => {
      const { writableLength } = this.#socket;
      if (writableLength >= waitingBytes) this.#options.onStalled();
      else this.#watch(writableLength);
    }, this.#options.sendTimeoutMs);
  }
}

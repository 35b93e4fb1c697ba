/** More than that waits in the socket. */
const FRAMES_MAX = 1_024;
const BYTES_MAX = 256 * 1024;

/** One frame, as a decoder shows it. */
export interface Frame {
  /** One of `FrameType`. */
  readonly type: number;
  readonly channel: number;
  /** The payload is `bytes` from `start` to `end`. */
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  payload(): Buffer;
}

/**
 * Frames that have to wait because something before them is not answered yet: those of a channel for that channel, those of
 * channel 0 for all of them, and all for the login. Within a channel everything is handled in order; channels do not wait
 * for each other.
 */
export class Backlog {
  /** Channels whose answer is awaited. */
  readonly #busy = new Set<number>();
  readonly #waiting = new Map<number, Frame[]>();
  /** Of those with waiting frames, the ones that are not busy. */
  readonly #ready = new Set<number>();
  #frames = 0;
  #bytes = 0;
  /** Of channel 0; nothing behind it is taken. */
  #control: Frame | null = null;

  /** Nothing more can be taken for now. */
  get isFull(): boolean {
    if (this.#control !== null || this.#busy.has(0)) return true;
    return this.#frames >= FRAMES_MAX || this.#bytes >= BYTES_MAX;
  }

  /** Some answer is awaited. */
  get isBusy(): boolean {
    return this.#busy.size > 0;
  }

  get isEmpty(): boolean {
    return !this.isBusy && this.#frames === 0 && this.#control === null;
  }

  /** Whether a frame of this channel has to wait. */
  holds(channel: number): boolean {
    // Nearly always: every frame is asked for.
    if (this.isEmpty) return false;
    return channel === 0 || this.#busy.has(channel) || this.#waiting.has(channel);
  }

  begin(channel: number): void {
    this.#busy.add(channel);
    this.#ready.delete(channel);
  }

  end(channel: number): void {
    this.#busy.delete(channel);
    if (this.#waiting.has(channel)) this.#ready.add(channel);
  }

  /** Keeps a copy: what the frame lies in may be larger by far. */
  add({ type, channel, bytes, start, end }: Frame): void {
    const payload = Buffer.allocUnsafeSlow(end - start);
    bytes.copy(payload, 0, start, end);
    const frame = { type, channel, bytes: payload, start: 0, end: payload.length, payload: () => payload };
    if (channel === 0) {
      this.#control = frame;
      return;
    }
    const waiting = this.#waiting.get(channel);
    if (waiting === undefined) this.#waiting.set(channel, [frame]);
    else waiting.push(frame);
    this.#frames += 1;
    this.#bytes += payload.length;
  }

  /** The next frame that need not wait any more. */
  take(): Frame | undefined {
    if (this.#frames === 0 && this.#control === null) return undefined;
    for (const channel of this.#ready) return this.#shift(channel);
    if (this.#control === null || this.isBusy) return undefined;
    const control = this.#control;
    this.#control = null;
    return control;
  }

  /** Forgets what waits; what is awaited still is. */
  clear(): void {
    this.#waiting.clear();
    this.#ready.clear();
    this.#control = null;
    this.#frames = 0;
    this.#bytes = 0;
  }

  #shift(channel: number): Frame | undefined {
    const waiting = this.#waiting.get(channel);
    const frame = waiting?.shift();
    if (waiting === undefined || waiting.length === 0) {
      this.#waiting.delete(channel);
      this.#ready.delete(channel);
    }
    if (frame === undefined) return undefined;
    this.#frames -= 1;
    this.#bytes -= frame.bytes.length;
    return frame;
  }
}

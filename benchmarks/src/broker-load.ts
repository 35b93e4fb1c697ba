/** What the processes of the broker benchmark are told, as JSON in the variable `LOAD`. */
export interface Load {
  readonly url: string;
  readonly queue: string;
  readonly queueType: "classic" | "quorum" | undefined;
  readonly client: "frames" | "amqplib";
  readonly messages: number;
  /** Unconfirmed messages of the publisher. */
  readonly window: number;
  /** Messages a second, or as many as the window lets through. */
  readonly perSecond: number | null;
}

/** A connection that publishes to one queue and learns what is confirmed. */
export interface LoadPublisher {
  /** The body may be used again when this returns. */
  publish(body: Buffer): void;
  /** Sends what was published. */
  flush(): void;
  close(): Promise<void>;
}

/** A connection that consumes one queue. */
export interface LoadConsumer {
  /** Every message up to the last delivered one is acknowledged. */
  acknowledge(): void;
  /** Ends it, answers how many messages the queue has then, and deletes the queue. */
  finish(): Promise<number>;
}

export interface LoadClient {
  /** @param onConfirmed called with how many more messages are confirmed */
  connectPublisher(load: Load, onConfirmed: (count: number) => void): Promise<LoadPublisher>;
  /** @param onMessages called with the bodies that came together */
  connectConsumer(load: Load, onMessages: (bodies: readonly Buffer[]) => void): Promise<LoadConsumer>;
}

/** Unsettled messages of the consumer. */
export const PREFETCH = 1_024;

const BODY_BYTES = 1_024;
const TIME_AT = 8;

export function loadFromEnvironment(): Load {
  const { LOAD } = process.env;
  if (LOAD === undefined) throw new Error("set LOAD");
  return JSON.parse(LOAD) as Load;
}

export function emptyBody(): Buffer {
  return Buffer.alloc(BODY_BYTES, "x");
}

/** @param atMs when the message is due to be sent, see `nowMs` */
export function writeBody(body: Buffer, index: number, atMs: number): void {
  body.writeUInt32BE(index);
  body.writeDoubleBE(atMs, TIME_AT);
}

export function readBody(body: Buffer): { readonly index: number; readonly atMs: number } {
  return { index: body.readUInt32BE(), atMs: body.readDoubleBE(TIME_AT) };
}

/** The monotonic clock, which all processes of a machine share. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

export function say(line: Readonly<Record<string, unknown>>): void {
  console.log(JSON.stringify(line));
}

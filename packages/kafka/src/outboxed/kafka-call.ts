import { z } from "zod";

/** The library that a call is one of: the first word of its text. */
export const KAFKAJS = "kafkajs";

/** What a producer of kafkajs was given with one message, but topic and value. Bytes and text stay what they were. */
export interface KafkaCall {
  readonly key: Buffer | string | null;
  /** `true`: the value is none (a tombstone), which is not the same as an empty one. */
  readonly isTombstone: boolean;
  readonly headers: readonly (readonly [name: string, value: HeaderValue])[];
  /** `null` when the producer's partitioner chooses. */
  readonly partition: number | null;
  /** Milliseconds since the epoch as text; `null` when the time of publishing is meant. */
  readonly timestamp: string | null;
}

/** Several values of one header are several headers in Kafka. */
export type HeaderValue = Buffer | string | readonly (Buffer | string)[];

type Text = string | { readonly base64: string };

const text = z.union([z.string(), z.strictObject({ base64: z.base64() })]);
const schema = z.strictObject({
  key: text.optional(),
  value: z.null().optional(),
  headers: z.array(z.tuple([z.string(), z.union([text, z.array(text)])])).optional(),
  partition: z.int().min(0).optional(),
  timestamp: z.string().regex(/^\d+$/).optional(),
});

/** The call as text, for the header of a recorded message. `readCall` is its inverse. */
export function writeCall(call: KafkaCall): string {
  const { key, isTombstone, headers, partition, timestamp } = call;
  const written: z.input<typeof schema> = {
    ...(key === null ? {} : { key: toText(key) }),
    ...(isTombstone ? { value: null } : {}),
    ...(headers.length === 0 ? {} : { headers: headers.map(([name, value]) => [name, headerText(value)]) }),
    ...(partition === null ? {} : { partition }),
    ...(timestamp === null ? {} : { timestamp }),
  };
  return `${KAFKAJS} ${JSON.stringify(written)}`;
}

/** @throws Error when this is no call of kafkajs as `writeCall` writes them */
export function readCall(written: string): KafkaCall {
  if (!written.startsWith(`${KAFKAJS} `)) throw new Error(`no call of ${KAFKAJS}`);
  const { key, value, headers, partition, timestamp } = schema.parse(
    JSON.parse(written.slice(KAFKAJS.length + 1)),
  );
  return {
    key: key === undefined ? null : fromText(key),
    isTombstone: value === null,
    headers: (headers ?? []).map(([name, given]) => [
      name,
      Array.isArray(given) ? given.map((one) => fromText(one)) : fromText(given),
    ]),
    partition: partition ?? null,
    timestamp: timestamp ?? null,
  };
}

function headerText(value: HeaderValue): Text | Text[] {
  return isList(value) ? value.map((one) => toText(one)) : toText(value);
}

function isList(value: HeaderValue): value is readonly (Buffer | string)[] {
  return Array.isArray(value);
}

function toText(value: Buffer | string): Text {
  return typeof value === "string" ? value : { base64: value.toString("base64") };
}

function fromText(written: Text): Buffer | string {
  return typeof written === "string" ? written : Buffer.from(written.base64, "base64");
}

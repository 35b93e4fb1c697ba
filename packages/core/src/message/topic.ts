import type { StandardSchemaV1 } from "@standard-schema/spec";
import { WaybillError } from "../errors/waybill-error.ts";

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;

/** How the messages of a key behave behind one that waits: `blocking` keeps their order, `parking` lets them overtake. */
export type OrderMode = "blocking" | "parking";

export interface TopicOptions<Schema extends StandardSchemaV1> {
  /** Version of the payload, a whole number from 1. Messages carry it; consumers lift older ones with `upcast`. */
  readonly version: number;
  /** Any Standard Schema. `send` takes its input and stores it unchanged; handlers get its output. */
  readonly schema: Schema;
  /** What orders the messages: same topic, same key, same order. Without it nothing orders them. */
  readonly key?: (payload: StandardSchemaV1.InferInput<Schema>) => string;
  /** For each older version, how its payload becomes the next one's. Versions without an entry are refused. */
  readonly upcast?: Readonly<Record<number, (old: never) => unknown>>;
  /** Default `blocking`. */
  readonly order?: OrderMode;
}

/** A named, versioned, typed message. Made by `defineTopic`. */
export interface Topic<Schema extends StandardSchemaV1 = StandardSchemaV1> {
  readonly name: string;
  readonly version: number;
  readonly schema: Schema;
  readonly order: OrderMode;
  /** A method, so that the topic of any schema is a `Topic`: as a property it would only be one of its own schema. */
  keyOf(payload: StandardSchemaV1.InferInput<Schema>): string | null;
  readonly upcast: Readonly<Record<number, (old: never) => unknown>>;
}

/** What `send` takes for a topic. */
export type PayloadOf<T extends Topic> = StandardSchemaV1.InferInput<T["schema"]>;

/** What a handler gets for a topic. */
export type HandledPayloadOf<T extends Topic> = StandardSchemaV1.InferOutput<T["schema"]>;

/**
 * Defines a topic. The definition is a constant shared by producers and consumers.
 *
 * @throws WaybillError `TOPIC_INVALID` when the name is not 1 to 200 of `A-Z a-z 0-9 . _ -` or the version is not a
 * whole number from 1.
 */
export function defineTopic<const Schema extends StandardSchemaV1>(
  name: string,
  options: TopicOptions<Schema>,
): Topic<Schema> {
  if (!NAME.test(name)) {
    throw new WaybillError(
      "TOPIC_INVALID",
      `"${name}" is no topic name: use 1 to 200 of A-Z a-z 0-9 . _ -, starting with a letter or digit.`,
    );
  }
  if (!Number.isInteger(options.version) || options.version < 1) {
    throw new WaybillError(
      "TOPIC_INVALID",
      `Topic ${name}: version ${options.version} is not a whole number from 1.`,
    );
  }
  const { key } = options;
  return {
    name,
    version: options.version,
    schema: options.schema,
    order: options.order ?? "blocking",
    keyOf: key === undefined ? () => null : (payload) => key(payload),
    upcast: options.upcast ?? {},
  };
}

/**
 * A message's key, if it can be one.
 *
 * @throws WaybillError `PAYLOAD_INVALID` when it is not text of 1 to 512 characters
 */
export function checkedKey(topic: Topic, key: string | null): string | null {
  if (key === null || (typeof key === "string" && key.length > 0 && key.length <= 512)) return key;
  throw new WaybillError(
    "PAYLOAD_INVALID",
    `Topic ${topic.name}: its key must be text of 1 to 512 characters, not ${JSON.stringify(key)}.`,
  );
}

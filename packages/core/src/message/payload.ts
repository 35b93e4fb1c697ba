import type { StandardSchemaV1 } from "@standard-schema/spec";
import { describeError } from "../errors/describe-error.ts";
import { WaybillError } from "../errors/waybill-error.ts";
import type { Envelope } from "./envelope.ts";
import type { HandledPayloadOf, PayloadOf, Topic } from "./topic.ts";

/** The content type of every payload that Waybill writes. */
export const JSON_CONTENT = "application/json";

const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * A payload as it is stored: checked against the topic's schema, then its input as JSON, unchanged. A promise only
 * where the schema answers one.
 *
 * @throws WaybillError `PAYLOAD_INVALID` naming each wrong field; nothing has been written then
 */
export function encodePayload<T extends Topic>(
  topic: T,
  payload: PayloadOf<T>,
): Uint8Array | Promise<Uint8Array> {
  const result = validate(topic, payload);
  if (result instanceof Promise) return result.then((awaited) => encodeChecked(topic, payload, awaited));
  return encodeChecked(topic, payload, result);
}

function encodeChecked(
  topic: Topic,
  payload: unknown,
  { issues }: StandardSchemaV1.Result<unknown>,
): Uint8Array {
  if (issues !== undefined) {
    throw new WaybillError(
      "PAYLOAD_INVALID",
      `Topic ${topic.name} refuses the payload: ${listIssues(issues)}`,
    );
  }
  try {
    const text: unknown = JSON.stringify(payload);
    if (typeof text === "string") return Buffer.from(text);
  } catch (cause) {
    throw new WaybillError(
      "PAYLOAD_INVALID",
      `Topic ${topic.name}: the payload is no JSON: ${describeError(cause)}`,
      { cause },
    );
  }
  throw new WaybillError(
    "PAYLOAD_INVALID",
    `Topic ${topic.name}: the payload has no JSON form (undefined or a function).`,
  );
}

/**
 * A payload as handlers get it: lifted to the topic's version by `upcast`, then the output of its schema.
 *
 * @throws WaybillError `VERSION_UNSUPPORTED` when the message is newer than the topic, or older without an `upcast`;
 * `PAYLOAD_UNREADABLE` when it is no JSON or the schema refuses it
 */
export async function decodePayload<T extends Topic>(
  topic: T,
  envelope: Envelope,
): Promise<HandledPayloadOf<T>> {
  if (envelope.version > topic.version) {
    throw new WaybillError(
      "VERSION_UNSUPPORTED",
      `Topic ${topic.name}: version ${envelope.version} is newer than ${topic.version}, the newest this process knows. Deploy consumers before producers.`,
    );
  }
  const lifted = lift(topic, envelope.version, parseJson(topic, envelope));
  const result = await validate(topic, lifted);
  if (result.issues !== undefined) {
    throw new WaybillError(
      "PAYLOAD_UNREADABLE",
      `Topic ${topic.name}: message ${envelope.id} does not fit its schema: ${listIssues(result.issues)}`,
    );
  }
  return result.value;
}

function parseJson(topic: Topic, envelope: Envelope): unknown {
  try {
    return JSON.parse(decoder.decode(envelope.payload));
  } catch (cause) {
    throw new WaybillError(
      "PAYLOAD_UNREADABLE",
      `Topic ${topic.name}: the payload of message ${envelope.id} is no JSON.`,
      { cause },
    );
  }
}

function lift(topic: Topic, version: number, payload: unknown): unknown {
  let lifted = payload;
  for (let from = version; from < topic.version; from += 1) {
    const step = topic.upcast[from];
    if (step === undefined) {
      throw new WaybillError(
        "VERSION_UNSUPPORTED",
        `Topic ${topic.name}: no upcast from version ${from} to ${from + 1}.`,
      );
    }
    lifted = step(lifted as never);
  }
  return lifted;
}

function validate<T extends Topic>(
  topic: T,
  payload: unknown,
): StandardSchemaV1.Result<HandledPayloadOf<T>> | Promise<StandardSchemaV1.Result<HandledPayloadOf<T>>> {
  return topic.schema["~standard"].validate(payload);
}

function listIssues(issues: readonly StandardSchemaV1.Issue[]): string {
  return issues
    .slice(0, 10)
    .map((issue) => {
      const path = (issue.path ?? [])
        .map((part) => String(typeof part === "object" ? part.key : part))
        .join(".");
      return path === "" ? issue.message : `${path}: ${issue.message}`;
    })
    .join("; ");
}

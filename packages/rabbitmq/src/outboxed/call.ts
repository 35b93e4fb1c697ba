import type { Options } from "amqplib";
import type { Envelope } from "@waybill/core";
import { SYSTEM_HEADERS, WaybillError } from "@waybill/core";
import { fieldOf, fieldToJson, tableToJson, type FieldJson } from "./field-value.ts";

/** What becomes of a message that no queue takes: tried again until one does, or dropped as RabbitMQ does. */
export type Unroutable = "retry" | "drop";

/** A call of `publish`, all but its content. */
export interface PublishCall {
  readonly exchange: string;
  readonly routingKey: string;
  readonly options: Options.Publish;
  readonly unroutable: Unroutable;
}

/** The library whose calls these are: what the text of each begins with. */
export const LIBRARY = "amqplib";

interface CallJson {
  readonly exchange: string;
  readonly routingKey: string;
  readonly options: Readonly<Record<string, FieldJson>>;
  readonly unroutable: Unroutable;
}

/** All that `publish` reads. A name that a later amqplib adds is missed by the compiler here. */
const OPTION_NAMES = Object.keys({
  CC: true,
  BCC: true,
  mandatory: true,
  persistent: true,
  deliveryMode: true,
  contentType: true,
  contentEncoding: true,
  headers: true,
  priority: true,
  correlationId: true,
  replyTo: true,
  expiration: true,
  messageId: true,
  timestamp: true,
  type: true,
  userId: true,
  appId: true,
} satisfies Record<keyof Options.Publish, true>) as (keyof Options.Publish)[];

/** A call as text for the outbox. `readCall` is its inverse. */
export function callText({ exchange, routingKey, options, unroutable }: PublishCall): string {
  const written: Record<string, FieldJson> = {};
  for (const name of OPTION_NAMES) {
    const value: unknown = options[name];
    const isTable = name === "headers" && typeof value === "object" && value !== null;
    if (value !== undefined) written[name] = isTable ? tableToJson(value) : fieldToJson(value);
  }
  const json: CallJson = { exchange, routingKey, options: written, unroutable };
  return `${LIBRARY} ${JSON.stringify(json)}`;
}

/** Whether a message of the outbox is a call, and none of Waybill's own. */
export function isCall({ headers }: Envelope): boolean {
  return headers[SYSTEM_HEADERS.call] !== undefined;
}

/** @throws WaybillError `ENVELOPE_INVALID` when it cannot be read */
export function readCall({ id, headers }: Envelope): PublishCall {
  try {
    const text = (headers[SYSTEM_HEADERS.call] ?? "").slice(LIBRARY.length);
    const { exchange, routingKey, options, unroutable } = JSON.parse(text) as CallJson;
    const read = Object.entries(options).map(([name, value]) => [name, fieldOf(value)]);
    return { exchange, routingKey, options: Object.fromEntries(read) as Options.Publish, unroutable };
  } catch (cause) {
    throw new WaybillError(
      "ENVELOPE_INVALID",
      `Message ${id} holds no call of ${LIBRARY} that can be read.`,
      {
        cause,
      },
    );
  }
}

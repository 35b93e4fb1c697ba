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

/** A call as text for the outbox. `callOf` is its inverse. */
export function callText({ exchange, routingKey, options, unroutable }: PublishCall): string {
  const written: Record<string, FieldJson> = {};
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    if (value === undefined) continue;
    written[name] =
      name === "headers" && typeof value === "object" && value !== null
        ? tableToJson(value)
        : fieldToJson(value);
  }
  const json: CallJson = { exchange, routingKey, options: written, unroutable };
  return `${LIBRARY} ${JSON.stringify(json)}`;
}

/**
 * The call that a message of the outbox is, `null` for one of Waybill's own.
 *
 * @throws WaybillError `ENVELOPE_INVALID` when it is another library's call, or cannot be read
 */
export function callOf(envelope: Envelope): PublishCall | null {
  const text = envelope.headers[SYSTEM_HEADERS.call];
  if (text === undefined) return null;
  const library = text.split(" ", 1)[0] ?? "";
  if (library !== LIBRARY) throw unreadable(envelope, `it is a call of ${library}, which RabbitMQ cannot repeat`);
  try {
    const { exchange, routingKey, options, unroutable } = JSON.parse(text.slice(LIBRARY.length)) as CallJson;
    const read = Object.entries(options).map(([name, value]) => [name, fieldOf(value)]);
    return { exchange, routingKey, options: Object.fromEntries(read) as Options.Publish, unroutable };
  } catch (error) {
    throw unreadable(envelope, "its call is no text of this adapter", error);
  }
}

function unreadable({ id }: Envelope, why: string, cause?: unknown): WaybillError {
  return new WaybillError("ENVELOPE_INVALID", `Message ${id} cannot be published here: ${why}.`, { cause });
}

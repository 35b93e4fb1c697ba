import { WaybillError } from "../errors/waybill-error.ts";
import type { Envelope } from "./envelope.ts";
import { SYSTEM_HEADERS, WIRE } from "./wire.ts";

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const RESERVED = /^(ce_|waybill-)/i;
const COUNT_MAX = 64;
const CHARACTERS_MAX = 16_384;

/** The W3C trace context, passed on from a handled message to what its handler sends. */
const TRACE_HEADERS = ["traceparent", "tracestate"] as const;

/**
 * The headers of a new message: what the caller gave, and the trace and conversation of the message being handled.
 *
 * @throws WaybillError `OPTIONS_INVALID` for a reserved or malformed name, or too much of it
 */
export function newHeaders(
  given: Readonly<Record<string, string>>,
  cause: Envelope | null,
): Record<string, string> {
  checkHeaders(given);
  if (cause === null) return { ...given };
  const headers: Record<string, string> = {
    [SYSTEM_HEADERS.correlationId]: cause.headers[SYSTEM_HEADERS.correlationId] ?? cause.id,
    [SYSTEM_HEADERS.causationId]: cause.id,
  };
  for (const name of TRACE_HEADERS) {
    const value = cause.headers[name];
    if (value !== undefined) headers[name] = value;
  }
  return Object.assign(headers, given);
}

function checkHeaders(given: Readonly<Record<string, string>>): void {
  const entries = Object.entries(given);
  let characters = 0;
  for (const [name, value] of entries) {
    if (!NAME.test(name)) throw refused(`"${name}" is no header name: use 1 to 128 of A-Z a-z 0-9 . _ -.`);
    if (RESERVED.test(name) || name === WIRE.contentType)
      throw refused(`header ${name} is Waybill's own: choose another name.`);
    if (typeof value !== "string") throw refused(`header ${name} is not text.`);
    characters += name.length + value.length;
  }
  if (entries.length > COUNT_MAX) throw refused(`${entries.length} headers; at most ${COUNT_MAX}.`);
  if (characters > CHARACTERS_MAX)
    throw refused(`${characters} characters of headers; at most ${CHARACTERS_MAX}.`);
}

function refused(detail: string): WaybillError {
  return new WaybillError("OPTIONS_INVALID", `send: ${detail}`);
}

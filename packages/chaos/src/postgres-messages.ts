/** One message of a PostgreSQL client, as it goes over the wire. */
export interface ClientMessage {
  readonly bytes: Buffer;
  /** The statement that it runs or prepares; empty for any other message. */
  readonly statement: string;
}

const PROTOCOL_3 = 3 << 16;
const NOTHING = Buffer.alloc(0);

/**
 * Splits what a client sends into messages: a length of four bytes and, after the first one, a letter before it.
 *
 * ```text
 * startup   | length | protocol | …      (and before it, perhaps, a request for TLS of the same form)
 * others    | letter | length   | …      Q: text; P: name, text
 * ```
 */
export function postgresMessages(): (chunk: Buffer) => readonly ClientMessage[] {
  let rest: Buffer = NOTHING;
  let started = false;

  function next(): ClientMessage | undefined {
    const head = started ? 1 : 0;
    if (rest.length < head + 4) return undefined;
    const end = head + rest.readInt32BE(head);
    if (rest.length < end) return undefined;
    const bytes = rest.subarray(0, end);
    rest = rest.subarray(end);
    const statement = started ? statementOf(bytes) : "";
    started ||= bytes.readInt32BE(4) === PROTOCOL_3;
    return { bytes, statement };
  }

  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const messages: ClientMessage[] = [];
    for (let message = next(); message !== undefined; message = next()) messages.push(message);
    return messages;
  };
}

function statementOf(bytes: Buffer): string {
  const letter = String.fromCharCode(bytes[0] ?? 0);
  if (letter !== "Q" && letter !== "P") return "";
  const [first = "", second = ""] = bytes.toString("utf8", 5).split("\0", 2);
  return letter === "Q" ? first : second;
}

import { decodeTable, ProtocolError } from "@waybill/amqp";
import { connectionError } from "../replies/closing-error.ts";

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** What `connection.start` offers. */
export const MECHANISMS = "AMQPLAIN PLAIN";

/**
 * Reads the response of `connection.start-ok`.
 *
 * @throws ClosingError 503 for a mechanism that was not offered, 502 for a response that cannot be read
 */
export function credentialsOf(mechanism: string, response: Buffer): Credentials {
  switch (mechanism) {
    case "PLAIN":
      return plain(response);
    case "AMQPLAIN":
      return amqplain(response);
    default:
      throw connectionError(503, `unknown authentication mechanism '${mechanism}'`);
  }
}

/** `authorize as` NUL user NUL password, where the first may be empty. */
function plain(response: Buffer): Credentials {
  const parts = response.toString().split("\0");
  const [actsAs, user, password] = parts;
  const isWhole = parts.length === 3 && user !== undefined && password !== undefined;
  if (!isWhole || (actsAs !== "" && actsAs !== user)) throw unreadable();
  return { user, password };
}

/** A field table without its length. */
function amqplain(response: Buffer): Credentials {
  const size = Buffer.alloc(4);
  size.writeUInt32BE(response.length);
  try {
    const { LOGIN: user, PASSWORD: password } = decodeTable(Buffer.concat([size, response]));
    if (typeof user === "string" && typeof password === "string") return { user, password };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
  }
  throw unreadable();
}

function unreadable(): Error {
  return connectionError(502, "the authentication response cannot be read");
}

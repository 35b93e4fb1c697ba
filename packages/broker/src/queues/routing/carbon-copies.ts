import { decodeProperties, replaceHeaders } from "@waybill/amqp";
import type { FieldValue } from "@waybill/amqp";
import { RefusalError } from "../refusal.ts";

const HEADERS_FLAG = 0x20;
const CC = Buffer.from("\u0002CC");
const BCC = Buffer.from("\u0003BCC");

/** Further routing keys in the header `CC`; what is no list of texts is passed over. */
export function carbonCopiesOf(properties: Buffer): string[] {
  return mayHave(properties, CC) ? texts(decodeProperties(properties).headers?.["CC"]) : [];
}

/**
 * Further routing keys of a message that is published, and its properties without `BCC`.
 *
 * @throws Refusal 406
 */
export function takeCopies(properties: Buffer): {
  readonly keys: readonly string[];
  readonly properties: Buffer;
} {
  const hasBlind = mayHave(properties, BCC);
  if (!hasBlind && !mayHave(properties, CC)) return { keys: [], properties };
  const headers = decodeProperties(properties).headers ?? {};
  for (const name of ["CC", "BCC"]) {
    if (headers[name] !== undefined && !Array.isArray(headers[name]))
      throw new RefusalError(406, `unsupported type of header ${name}: give a list of texts`);
  }
  const keys = [...texts(headers["CC"]), ...texts(headers["BCC"])];
  return { keys, properties: hasBlind ? replaceHeaders(properties, { BCC: undefined }) : properties };
}

/** Cheap, and never wrong when it says no. */
function mayHave(properties: Buffer, name: Buffer): boolean {
  return ((properties[0] ?? 0) & HEADERS_FLAG) !== 0 && properties.includes(name);
}

function texts(value: FieldValue | undefined): string[] {
  if (!Array.isArray(value)) return [];
  return (value as readonly FieldValue[]).filter((one) => typeof one === "string");
}

import { ByteReader } from "../bytes/byte-reader.ts";
import { METHODS } from "../methods/methods.ts";
import { ProtocolError, ReplyCode } from "../protocol-error.ts";
import { checkProperties } from "./message-properties.ts";

const { classId: BASIC } = METHODS["basic.publish"];

/** What stands between the method and the body of a message. */
export interface ContentHeader {
  /** Not exact beyond 2^53. */
  readonly bodySize: number;
  /** Property flags and property list as they are; shares the memory of the frame. */
  readonly properties: Buffer;
}

/**
 * Reads the payload of a header frame. The properties are as long as their flags say; they are decoded by
 * `decodeProperties`, or one of them by `readProperty`.
 *
 * @throws ProtocolError 502 when it is cut off, 501 when it is of another class than `basic`
 */
export function readContentHeader(bytes: Buffer, start = 0, end: number = bytes.length): ContentHeader {
  const reader = new ByteReader(bytes, start, end);
  const classId = reader.short();
  if (classId !== BASIC)
    throw new ProtocolError(ReplyCode.frameError, `a content header of class ${classId}`);
  // Its weight, which nothing uses.
  reader.short();
  const bodySize = reader.longlong();
  const properties = bytes.subarray(reader.at, end);
  checkProperties(properties);
  return { bodySize, properties };
}

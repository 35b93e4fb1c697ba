export { readContentHeader, type ContentHeader } from "./content/content-header.ts";
export {
  decodeProperties,
  encodeProperties,
  readProperty,
  type MessageProperties,
  type PropertyName,
} from "./content/message-properties.ts";
export { readSome, Wanted } from "./content/read-some.ts";
export { replaceHeaders } from "./content/replace-headers.ts";
export {
  Decimal,
  decodeTable,
  encodeTable,
  Timestamp,
  type FieldTable,
  type FieldValue,
} from "./fields/field-table.ts";
export { FrameDecoder } from "./frames/frame-decoder.ts";
export {
  FrameWriter,
  type ContentToSend,
  type DeliverToSend,
  type PublishToSend,
} from "./frames/frame-writer.ts";
export { decodeMethod, encodeMethod } from "./methods/method-codec.ts";
export { METHODS, type Method, type MethodArguments, type MethodName } from "./methods/methods.ts";
export { ProtocolError, ReplyCode } from "./protocol-error.ts";
export { FRAME_MIN_BYTES, FRAME_OVERHEAD_BYTES, FrameType, HEARTBEAT, PROTOCOL_HEADER } from "./protocol.ts";

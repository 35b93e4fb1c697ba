export {
  decodeBatchHeader,
  decodeBody,
  frameBytes,
  RECORD_HEADER_BYTES,
  sealFrame,
  sealGap,
  BATCH_HEADER_BYTES,
} from "./format/batch-frame.ts";
export type { BatchHeader } from "./format/batch-frame.ts";
export { encodeSegmentHeader, SEGMENT_HEADER_BYTES, segmentName } from "./format/segment-header.ts";
export { readStoredRecords, replaceStoredRecords } from "./offline/stored-records.ts";

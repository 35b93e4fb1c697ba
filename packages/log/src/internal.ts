export {
  decodeBatchHeader,
  decodeBody,
  frameBytes,
  RECORD_HEADER_BYTES,
  sealFrame,
  BATCH_HEADER_BYTES,
} from "./format/batch-frame.ts";
export type { BatchHeader } from "./format/batch-frame.ts";
export { SEGMENT_HEADER_BYTES, segmentName } from "./format/segment-header.ts";
export { readStoredRecords, replaceStoredRecords } from "./offline/stored-records.ts";

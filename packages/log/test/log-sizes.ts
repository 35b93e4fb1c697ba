/** Small segments and batches, so that a test sees many of them. */
export const SMALL = {
  batchBytesMax: 16_384,
  recordBytesMax: 16_384,
  segmentBytes: 8192,
  fillAheadBytes: 4096,
} as const;

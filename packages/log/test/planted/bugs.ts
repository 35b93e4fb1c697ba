/** A bug that is put into a source file while it is loaded. `find` stands there exactly once. */
export interface PlantedBug {
  /** Below `packages/log/src`. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export const PLANTED_BUGS: Readonly<Record<string, PlantedBug>> = {
  "the CRC of a batch is not checked": {
    file: "format/batch-frame.ts",
    find: "crc32(source.subarray(start, end)) !== header.bodyCrc",
    replace: "false",
  },
  "a torn tail is not cut off": {
    file: "recovery/recover-log.ts",
    find: "await file.truncate(scan.endPosition);",
    replace: "",
  },
  "records are confirmed before fdatasync": {
    file: "write/group-commit.ts",
    find: "await segment.file.dataSync();",
    replace: "",
  },
  "the directory is not synced after a new segment": {
    file: "segment/segment.ts",
    find: "await fileSystem.syncDirectory(directory);",
    replace: "",
  },
  "a segment gets its name before its header is durable": {
    file: "segment/segment.ts",
    find: "await this.file.dataSync();",
    replace: "",
  },
  "a failed fdatasync is tried again": {
    file: "write/group-commit.ts",
    find: "await segment.file.dataSync();",
    replace: "await segment.file.dataSync().catch(() => segment.file.dataSync());",
  },
  "what recovery found is taken for durable": {
    file: "recovery/recover-log.ts",
    find: "if (scan.lastFrame !== null) await file.write(scan.lastFrame.bytes, scan.lastFrame.position);",
    replace: "",
  },
  "a torn tail is taken for damage": {
    file: "recovery/recover-log.ts",
    find: "if (scan.bad !== null && scan.bad.validFrameAt !== null) {",
    replace: "if (scan.bad !== null) {",
  },
  "damage is taken for a torn tail": {
    file: "recovery/recover-log.ts",
    find: "if (scan.bad !== null && scan.bad.validFrameAt !== null) {",
    replace: "if (false) {",
  },
  "an append is settled one record early": {
    file: "write/group-commit.ts",
    find: "if (append.endOffset > this.#durableOffset) break;",
    replace: "if (append.endOffset > this.#durableOffset + 1) break;",
  },
};

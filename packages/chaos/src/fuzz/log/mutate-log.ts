import { SEGMENT_HEADER_BYTES, segmentName } from "@waybill/log/internal";
import type { Seeded } from "../../seeded.ts";
import type { RandomLog, Segment } from "./random-log.ts";
import { fileOf, randomBytes, resealFrame, resealHeader } from "./random-log.ts";

/** Segment files by name, and how they differ from what was written. */
export interface LogInput {
  readonly files: ReadonlyMap<string, Buffer>;
  /** Nothing was changed. */
  readonly isIntact: boolean;
  /** Somebody who can compute CRCs changed it: what is read need not be what was written. */
  readonly isForged: boolean;
}

const CHANGES_MAX = 3;
/** Where the fields of a batch header begin, behind the magic number. */
const FRAME_FIELDS = [3, 4, 8, 12, 16, 20, 24, 28, 32, 40];
const HEADER_FIELDS = [0, 4, 8, 12, 16, 24, 32];
const VALUES = [0, 1, 2, 7, 8, 0x4c, 0x44, 0xff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0x001f_ffff, 0xffff_ffff];

/** Files of a log with up to three changes of the kinds that disks, crashes, people and attackers make. */
export function mutateLog(chance: Seeded, { segments }: RandomLog): LogInput {
  const changes = chance.below(CHANGES_MAX + 1);
  let isForged = false;
  for (let change = 0; change < changes; change += 1) isForged = changeFrames(chance, segments) || isForged;
  const files = new Map(segments.map((segment) => [segment.name, fileOf(segment)]));
  for (let change = 0; change < changes; change += 1) changeBytes(chance, files);
  return { files, isIntact: changes === 0, isForged };
}

/** Changes whole fields and frames. Answers whether the CRCs are right for something that was never written. */
function changeFrames(chance: Seeded, segments: Segment[]): boolean {
  const segment = segments[chance.below(segments.length)];
  if (segment === undefined) return false;
  const at = chance.below(segment.frames.length);
  const frame = segment.frames[at];
  switch (chance.below(9)) {
    case 0:
      if (frame !== undefined) segment.frames[at] = resealFrame(withField(chance, frame, FRAME_FIELDS));
      return true;
    case 1:
      if (frame !== undefined) segment.frames[at] = resealFrame(withBody(chance, frame));
      return true;
    case 2:
      segment.header = resealHeader(withField(chance, segment.header, HEADER_FIELDS));
      return true;
    case 3:
      segment.frames.splice(at, 1);
      return false;
    case 4:
      if (frame !== undefined) segment.frames.splice(chance.below(segment.frames.length + 1), 0, frame);
      return false;
    case 5: {
      const other = segments[chance.below(segments.length)]?.frames ?? [];
      if (frame !== undefined) other.splice(chance.below(other.length + 1), 0, frame);
      return false;
    }
    case 6:
      segment.frames.splice(at, 0, randomBytes(chance, 8 * chance.below(20)));
      return false;
    case 7:
      segment.name = chance.below(3) === 0 ? segmentName(2 ** 53 - 1) : segmentName(chance.below(50));
      return false;
    default:
      return false;
  }
}

/** Changes bytes wherever they are. */
function changeBytes(chance: Seeded, files: Map<string, Buffer>): void {
  const [name, bytes] = [...files][chance.below(files.size)] ?? ["", Buffer.alloc(0)];
  const copy = Buffer.from(bytes);
  const at = chance.below(copy.length);
  switch (chance.below(8)) {
    case 0:
    case 1:
      if (copy.length > 0) copy[at] = (copy[at] ?? 0) ^ (1 << chance.below(8));
      files.set(name, copy);
      return;
    case 2:
      files.set(name, copy.subarray(0, at));
      return;
    case 3:
      copy.fill(0, at, Math.min(copy.length, at + 512));
      files.set(name, copy);
      return;
    case 4:
      files.delete(name);
      return;
    case 5:
      files.set(name.replace("log", "repaired"), copy);
      return;
    default:
  }
}

function withField(chance: Seeded, bytes: Buffer, fields: readonly number[]): Buffer {
  const copy = Buffer.from(bytes);
  const field = fields[chance.below(fields.length)] ?? 0;
  const value = VALUES[chance.below(VALUES.length)] ?? 0;
  if (field + 4 > copy.length) return copy;
  if (field === 3) copy.writeUInt8(value & 0xff, 3);
  else copy.writeUInt32LE(value, field);
  return copy;
}

/** Other bytes where records are, lengths above all. */
function withBody(chance: Seeded, frame: Buffer): Buffer {
  const copy = Buffer.from(frame);
  const start = Math.min(copy.length, SEGMENT_HEADER_BYTES - 16);
  if (copy.length < start + 4) return copy;
  const at = start + 4 * chance.below((copy.length - start) >> 2);
  copy.writeUInt32LE(VALUES[chance.below(VALUES.length)] ?? 0, at);
  return copy;
}

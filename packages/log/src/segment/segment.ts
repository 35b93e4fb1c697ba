import { invariant } from "../errors/invariant.ts";
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES } from "../format/segment-header.ts";
import type { FileSystem, LogFile } from "../ports/file-system.ts";

const ZEROS = Buffer.alloc(1024 * 1024);

/** Where a segment stands in the log; everything that is known about it without opening it. */
export interface SegmentPlace {
  readonly path: string;
  readonly baseOffset: number;
  readonly epoch: number;
}

/** A segment file that is being written. Commits go to `[position, filled)`, zeros to `[filled, size)`. */
export class WritableSegment {
  readonly file: LogFile;
  readonly bytesMax: number;
  path: string;
  baseOffset = -1;
  epoch = 0;
  /** Where the next frame goes. */
  position: number;
  /** Up to here the file holds frames and zeros. */
  filled: number;

  constructor(file: LogFile, path: string, bytesMax: number, position: number, filled: number) {
    this.file = file;
    this.path = path;
    this.bytesMax = bytesMax;
    this.position = position;
    this.filled = filled;
  }

  /** Creates a file that becomes a segment by `place`. */
  static async create(fileSystem: FileSystem, path: string, bytesMax: number): Promise<WritableSegment> {
    await fileSystem.remove(path);
    const file = await fileSystem.open(path, "create");
    return new WritableSegment(file, path, bytesMax, SEGMENT_HEADER_BYTES, 0);
  }

  /** A segment without records takes any frame: a record may be larger, and no other segment may have its name. */
  hasRoomFor(bytes: number, firstOffset: number): boolean {
    return firstOffset === this.baseOffset || this.position + bytes <= this.bytesMax;
  }

  /** Writes zeros until the file is filled up to `target`. */
  async fill(target: number): Promise<void> {
    while (this.filled < target) {
      const bytes = Math.min(ZEROS.length, target - this.filled);
      await this.file.write(bytes === ZEROS.length ? ZEROS : ZEROS.subarray(0, bytes), this.filled);
      this.filled += bytes;
    }
  }

  /** Gives the file its header and its name; durable when it resolves. */
  async place(
    fileSystem: FileSystem,
    directory: string,
    place: SegmentPlace,
    createdAt: number,
  ): Promise<void> {
    invariant(this.position === SEGMENT_HEADER_BYTES, "only an unused file becomes a segment");
    const { baseOffset, epoch } = place;
    await this.file.write(encodeSegmentHeader({ baseOffset, epoch, createdAt }), 0);
    this.filled = Math.max(this.filled, SEGMENT_HEADER_BYTES);
    await this.file.dataSync();
    await fileSystem.rename(this.path, place.path);
    await fileSystem.syncDirectory(directory);
    this.path = place.path;
    this.baseOffset = baseOffset;
    this.epoch = epoch;
  }

  /** Writes a frame behind the last one; not durable before `file.dataSync()`. */
  async writeFrame(frame: Buffer): Promise<void> {
    invariant(this.position + frame.length <= this.filled, "frames go only where zeros are");
    await this.file.write(frame, this.position);
    this.position += frame.length;
  }
}

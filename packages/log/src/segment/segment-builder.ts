import type { BatchHeader } from "../format/batch-frame.ts";
import { frameBytes, sealFrame, sealGap } from "../format/batch-frame.ts";
import type { GapReason } from "../format/log-gap.ts";
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES } from "../format/segment-header.ts";
import type { FileSystem, LogFile } from "../ports/file-system.ts";

/** What every frame of a new segment file says. */
export interface SegmentStamp {
  readonly epoch: number;
  readonly now: number;
}

/** Writes a segment file from its beginning: header, frames, gaps. */
export class SegmentBuilder {
  readonly #file: LogFile;
  readonly #stamp: SegmentStamp;
  #position = SEGMENT_HEADER_BYTES;
  #offset: number;

  private constructor(file: LogFile, baseOffset: number, stamp: SegmentStamp) {
    this.#file = file;
    this.#offset = baseOffset;
    this.#stamp = stamp;
  }

  static async begin(
    fileSystem: FileSystem,
    path: string,
    baseOffset: number,
    stamp: SegmentStamp,
  ): Promise<SegmentBuilder> {
    await fileSystem.remove(path);
    const file = await fileSystem.open(path, "create");
    const builder = new SegmentBuilder(file, baseOffset, stamp);
    try {
      await file.write(encodeSegmentHeader({ baseOffset, epoch: stamp.epoch, createdAt: stamp.now }), 0);
    } catch (error) {
      await file.close();
      throw error;
    }
    return builder;
  }

  /** Says that the offsets up to `toOffset` hold no record. Does nothing if they do. */
  async gapTo(toOffset: number, reason: GapReason): Promise<void> {
    const count = toOffset - this.#offset;
    if (count > 0) await this.#write(sealGap(reason, this.#header(count, this.#stamp.now)), count);
  }

  /** Takes over a frame that was read, as a batch of this segment. */
  async batch(frame: Buffer, header: BatchHeader): Promise<void> {
    const own = this.#header(header.count, header.appendedAt);
    const slab = Buffer.alloc(frameBytes(header.bodyBytes));
    frame.copy(slab);
    await this.#write(
      header.gap === null
        ? sealFrame(slab, { ...own, bodyBytes: header.bodyBytes })
        : sealGap(header.gap, own),
      header.count,
    );
  }

  /** Resolves when the whole file is durable. */
  sync(): Promise<void> {
    return this.#file.dataSync();
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  #header(count: number, appendedAt: number): Omit<BatchHeader, "bodyBytes" | "bodyCrc" | "gap"> {
    const firstOffset = this.#offset;
    return { epoch: this.#stamp.epoch, count, firstOffset, durableOffset: firstOffset, appendedAt };
  }

  async #write(frame: Buffer, count: number): Promise<void> {
    await this.#file.write(frame, this.#position);
    this.#position += frame.length;
    this.#offset += count;
  }
}

/** Writes a whole segment that holds nothing but one gap. Durable under `path` when it resolves. */
export async function writeGapSegment(
  fileSystem: FileSystem,
  path: string,
  gap: { readonly baseOffset: number; readonly endOffset: number; readonly reason: GapReason },
  stamp: SegmentStamp,
): Promise<void> {
  const builder = await SegmentBuilder.begin(fileSystem, path, gap.baseOffset, stamp);
  try {
    await builder.gapTo(gap.endOffset, gap.reason);
    await builder.sync();
  } finally {
    await builder.close();
  }
}

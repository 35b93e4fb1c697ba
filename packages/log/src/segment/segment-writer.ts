import { join } from "node:path";
import { LogError } from "../errors/log-error.ts";
import { SEGMENT_HEADER_BYTES, segmentName } from "../format/segment-header.ts";
import type { ResolvedLogOptions } from "../options.ts";
import type { SegmentPlace } from "./segment.ts";
import { WritableSegment } from "./segment.ts";

const CHUNK_BYTES = 2 * 1024 * 1024;

/** What the writer tells about segments that it begins. */
export interface SegmentListener {
  segmentBegun(place: SegmentPlace): void;
}

/**
 * Keeps a segment under the commits: zeros are written ahead of use, and the next segment is prepared before it is
 * needed. Filling runs beside the commits and never touches bytes that a commit may write.
 */
export class SegmentWriter {
  readonly #options: ResolvedLogOptions;
  readonly #folder: string;
  readonly #listener: SegmentListener;
  #current: WritableSegment | null;
  #spare: WritableSegment | null = null;
  #filling: Promise<void> | null = null;
  #fillError: Error | null = null;
  /** While a segment is exchanged, and after `close`, no filling begins. */
  #settled = false;

  constructor(
    options: ResolvedLogOptions,
    folder: string,
    current: WritableSegment | null,
    listener: SegmentListener,
  ) {
    this.#options = options;
    this.#folder = folder;
    this.#current = current;
    this.#listener = listener;
  }

  /** Why zeros could not be written ahead, while that lasts. Usually the disk is full. */
  get fillError(): Error | null {
    return this.#fillError;
  }

  /** Zero-filled bytes that commits can still use without any further space. */
  get writableBytes(): number {
    const current = this.#current;
    return current === null ? 0 : Math.max(0, current.filled - current.position);
  }

  /** The segment that takes the next `bytes`, with zeros in place. `baseOffset` names it if it is a new one. */
  async segmentFor(bytes: number, baseOffset: number): Promise<WritableSegment> {
    if (this.#current === null || !this.#current.hasRoomFor(bytes, baseOffset)) await this.#roll(baseOffset);
    const current = this.#current;
    if (current === null) throw new LogError("LOG_CLOSED", "The log has no segment.");
    const end = current.position + bytes;
    // Each wait is for one piece of filling, and there are at most as many pieces as chunks in a segment.
    while (current.filled < end) {
      if (this.#filling === null) this.#startFilling(() => current.fill(end));
      await this.#filling;
      if (this.#fillError !== null && current.filled < end) throw this.#fillError;
    }
    return current;
  }

  /** Writes zeros ahead, beside the commits. Cheap when there is nothing to do. */
  fillAhead(): void {
    if (this.#filling !== null || this.#settled) return;
    const work = this.#nextFill();
    if (work !== null) this.#startFilling(work);
    else this.#fillError = null;
  }

  async close(): Promise<void> {
    this.#settled = true;
    await this.#filling;
    await this.#current?.file.close();
    await this.#spare?.file.close();
    if (this.#spare !== null) await this.#options.fileSystem.remove(this.#spare.path);
  }

  /** One piece at a time: two that fill the same file would leave a gap without zeros. */
  #startFilling(work: () => Promise<void>): void {
    this.#filling = work().then(
      () => {
        this.#fillError = null;
        this.#filling = null;
        this.fillAhead();
      },
      (error: unknown) => {
        this.#fillError = error instanceof Error ? error : new Error(String(error));
        this.#filling = null;
      },
    );
  }

  /** The next piece of filling, or `null`: first ahead of the commits, then the next segment. */
  #nextFill(): (() => Promise<void>) | null {
    const current = this.#current;
    if (current === null) return null;
    const { fillAheadBytes, segmentBytes } = this.#options;
    const target = Math.min(segmentBytes, current.position + fillAheadBytes);
    // Chunks keep the pieces large: a few bytes more of zeros after each commit would cost a size change each time.
    const step = this.#fillError === null ? Math.min(CHUNK_BYTES, segmentBytes / 4) : 1;
    if (current.filled + step <= target) {
      return () => current.fill(target);
    }
    if (current.position < segmentBytes / 2) return null;
    const spare = this.#spare;
    if (spare === null) return () => this.#makeSpare();
    if (spare.filled >= Math.min(segmentBytes, SEGMENT_HEADER_BYTES + fillAheadBytes)) return null;
    return async () => {
      await spare.fill(Math.min(segmentBytes, spare.filled + CHUNK_BYTES));
      await spare.file.dataSync();
    };
  }

  async #makeSpare(): Promise<void> {
    const { fileSystem, segmentBytes } = this.#options;
    this.#spare = await WritableSegment.create(fileSystem, join(this.#folder, "spare.tmp"), segmentBytes);
  }

  async #roll(baseOffset: number): Promise<void> {
    while (this.#spare === null) {
      if (this.#filling === null) this.#startFilling(() => this.#makeSpare());
      await this.#filling;
      if (this.#fillError !== null && this.#spare === null) throw this.#fillError;
    }
    // Zeros that are still on their way must not land on the header or the first frames.
    this.#settled = true;
    await this.#filling;
    await this.#exchange(this.#spare, baseOffset);
    this.#settled = false;
  }

  async #exchange(next: WritableSegment, baseOffset: number): Promise<void> {
    const path = join(this.#folder, segmentName(baseOffset));
    const place: SegmentPlace = { path, baseOffset, epoch: this.#options.epoch() };
    await next.place(this.#options.fileSystem, this.#folder, place, this.#options.now());
    await this.#current?.file.close();
    this.#current = next;
    this.#spare = null;
    this.#listener.segmentBegun(place);
  }
}

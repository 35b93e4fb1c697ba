import type { LogGap } from "../format/log-gap.ts";
import type { FileSystem, LogFile } from "../ports/file-system.ts";
import type { SegmentPlace } from "./segment.ts";
import { SparseIndex } from "./sparse-index.ts";

const OPEN_FILES_MAX = 32;

/** A segment as readers see it. */
export interface CatalogSegment extends SegmentPlace {
  readonly index: SparseIndex;
  /** Set when all of it was dropped: its file is not read any more. */
  readonly gap: LogGap | null;
}

/** The offsets of one segment file. */
export interface SegmentRange {
  readonly baseOffset: number;
  /** Behind its last one. */
  readonly endOffset: number;
  /** Its space was freed; it takes part in nothing but the order of offsets. */
  readonly isDropped: boolean;
}

/** All segments of a log in order, and a bounded number of open files for reading them. */
export class SegmentCatalog {
  readonly #fileSystem: FileSystem;
  readonly #segments: CatalogSegment[] = [];
  readonly #files = new Map<string, Promise<LogFile>>();
  /** Reads in flight, by path; a file is closed only when nobody reads it. */
  readonly #readers = new Map<string, number>();
  /** Files to close when their last reader is done. */
  readonly #retired = new Set<string>();

  constructor(fileSystem: FileSystem) {
    this.#fileSystem = fileSystem;
  }

  get segments(): readonly CatalogSegment[] {
    return this.#segments;
  }

  add(place: SegmentPlace): CatalogSegment {
    const segment: CatalogSegment = { ...place, index: new SparseIndex(), gap: null };
    this.#segments.push(segment);
    return segment;
  }

  /** The segment that holds `offset`, or would: the last one that begins at or before it. */
  find(offset: number): CatalogSegment | null {
    return this.#segments[this.#indexOf(offset)] ?? null;
  }

  /** Where the segment after the one that holds `offset` begins. */
  endOf(offset: number): number {
    return this.#segments[this.#indexOf(offset) + 1]?.baseOffset ?? Infinity;
  }

  #indexOf(offset: number): number {
    let low = 0;
    let high = this.#segments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#segments[middle]?.baseOffset ?? Infinity) <= offset) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** The segment that begins exactly at `offset`. */
  startingAt(offset: number): CatalogSegment | null {
    const segment = this.find(offset);
    return segment?.baseOffset === offset ? segment : null;
  }

  /** The oldest segments, of which everything lies before `offset`. */
  before(offset: number): CatalogSegment[] {
    let count = 0;
    while ((this.#segments[count + 1]?.baseOffset ?? Infinity) <= offset) count += 1;
    return this.#segments.slice(0, count);
  }

  /** The segment is still part of the log. */
  holds(segment: SegmentPlace): boolean {
    return this.find(segment.baseOffset) === segment;
  }

  /** From now on readers are told that nothing is in the segment. */
  empty(segment: CatalogSegment, gap: LogGap): void {
    this.#segments[this.#segments.indexOf(segment)] = { ...segment, gap };
  }

  forgetOldest(): void {
    this.#segments.shift();
  }

  /** The inverse of `forgetOldest`. */
  bringBack(segment: CatalogSegment): void {
    this.#segments.unshift(segment);
  }

  async read(segment: SegmentPlace, into: Buffer, position: number): Promise<number> {
    const { path } = segment;
    this.#readers.set(path, (this.#readers.get(path) ?? 0) + 1);
    try {
      const file = await this.#open(path);
      return await file.read(into, position);
    } finally {
      const left = (this.#readers.get(path) ?? 1) - 1;
      if (left > 0) this.#readers.set(path, left);
      else this.#readers.delete(path);
      if (left === 0 && this.#retired.delete(path)) await this.closeFile(path);
    }
  }

  async sizeOf({ path }: SegmentPlace): Promise<number> {
    const file = await this.#fileSystem.open(path, "read");
    try {
      return await file.size();
    } finally {
      await file.close();
    }
  }

  /** Closes the file when nobody reads it, at once or later. */
  async closeFile(path: string): Promise<void> {
    if (this.#readers.has(path)) {
      this.#retired.add(path);
      return;
    }
    const file = this.#files.get(path);
    this.#files.delete(path);
    await (await file)?.close();
  }

  async close(): Promise<void> {
    for (const path of this.#files.keys()) await this.closeFile(path);
  }

  async #open(path: string): Promise<LogFile> {
    const open = this.#files.get(path);
    if (open !== undefined) return open;
    const opening = this.#fileSystem.open(path, "read");
    this.#files.set(path, opening);
    opening.catch(() => this.#files.delete(path));
    await this.#closeIdle();
    return opening;
  }

  async #closeIdle(): Promise<void> {
    for (const path of this.#files.keys()) {
      if (this.#files.size <= OPEN_FILES_MAX) return;
      if (!this.#readers.has(path)) await this.closeFile(path);
    }
  }
}

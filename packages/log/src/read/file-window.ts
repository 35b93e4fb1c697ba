import { LogError } from "../errors/log-error.ts";
import type { LogFile } from "../ports/file-system.ts";

const WINDOW_BYTES = 1024 * 1024;
/** What a disk reads or fails to read as a whole. */
const BLOCK_BYTES = 4096;
/** Stands in place of bytes that cannot be read. Not zero: zeros mean that nothing was ever written. */
const UNREADABLE = 0xee;

const ZEROS = Buffer.alloc(64 * 1024);

/**
 * A file seen through one buffer, which is as large as the largest piece that was asked for. With `salvage`, bytes
 * that the disk cannot read come as filler, which no CRC takes for a batch; without it they are an error.
 */
export class FileWindow {
  readonly fileBytes: number;
  readonly #file: LogFile;
  readonly #salvage: boolean;
  #buffer: Buffer = Buffer.alloc(0);
  #start = 0;
  #unreadable: string | null = null;

  private constructor(file: LogFile, fileBytes: number, salvage: boolean) {
    this.#file = file;
    this.#salvage = salvage;
    this.fileBytes = fileBytes;
  }

  static async on(file: LogFile, options: { readonly salvage: boolean }): Promise<FileWindow> {
    return new FileWindow(file, await file.size(), options.salvage);
  }

  /** Why some of the bytes could not be read, or `null`. */
  get unreadable(): string | null {
    return this.#unreadable;
  }

  /** The bytes from `position` on, fewer than asked at the end of the file. They stay valid until the next call. */
  async view(position: number, bytes: number): Promise<Buffer> {
    const from = position - this.#start;
    const left = Math.max(0, this.fileBytes - position);
    const wanted = Math.min(bytes, left);
    if (from >= 0 && from + wanted <= this.#buffer.length) return this.#buffer.subarray(from, from + wanted);
    const size = Math.min(Math.max(wanted, WINDOW_BYTES), left);
    const buffer = Buffer.allocUnsafeSlow(size);
    this.#buffer = buffer.subarray(0, await this.#read(buffer, position));
    this.#start = position;
    return this.#buffer.subarray(0, wanted);
  }

  /** Behind the last byte from `start` on that is not zero; `start` if there is none. */
  async endOfData(start: number): Promise<number> {
    for (let end = this.fileBytes; end > start;) {
      const from = Math.max(start, end - WINDOW_BYTES);
      const bytes = await this.view(from, end - from);
      let at = bytes.length;
      while (at >= ZEROS.length && bytes.subarray(at - ZEROS.length, at).equals(ZEROS)) at -= ZEROS.length;
      while (at > 0 && bytes[at - 1] === 0) at -= 1;
      if (at > 0) return from + at;
      end = from;
    }
    return start;
  }

  async #read(into: Buffer, position: number): Promise<number> {
    try {
      const count = await this.#file.read(into, position);
      if (count === into.length) return count;
      // Taken for the end of the file, what is missing would be cut off.
      throw new LogError("READ_SHORT", `The disk gave ${count} of ${into.length} bytes at byte ${position}.`);
    } catch (error) {
      if (!this.#salvage) throw error;
      this.#unreadable = error instanceof Error ? error.message : String(error);
    }
    for (let at = 0; at < into.length;) {
      const end = at + BLOCK_BYTES - ((position + at) % BLOCK_BYTES);
      const block = into.subarray(at, end);
      const count = await this.#file.read(block, position + at).catch(() => 0);
      block.fill(UNREADABLE, count);
      at = end;
    }
    return into.length;
  }
}

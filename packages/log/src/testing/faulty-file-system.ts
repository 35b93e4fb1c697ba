import type { FileSystem, LogFile } from "../ports/file-system.ts";

/** The calls that can be made to fail. */
export type FileOperation =
  "open" | "write" | "read" | "dataSync" | "truncate" | "rename" | "remove" | "syncDirectory";

/** Lets `nth` (1 is the next) call of `operation` fail, and with `sticky` all later ones too. */
export interface Fault {
  readonly operation: FileOperation;
  readonly nth: number;
  readonly error: Error;
  readonly sticky?: boolean;
  /** Only writes that it accepts are counted and fail. */
  readonly matches?: (bytes: Uint8Array, position: number) => boolean;
  /** A failing write leaves this many of its bytes behind. Default 0. */
  readonly tornBytes?: number;
}

/** A file system that fails on demand and counts what it was asked; everything else goes to `inner`. */
export class FaultyFileSystem implements FileSystem {
  readonly calls = new Map<FileOperation, number>();
  readonly #inner: FileSystem;
  #fault: (Fault & { readonly atCall: number }) | null = null;
  #gate: Promise<void> | null = null;

  constructor(inner: FileSystem) {
    this.#inner = inner;
  }

  /** Arms one fault; an earlier one is forgotten. */
  arm(fault: Fault | null): void {
    this.#fault =
      fault === null ? null : { ...fault, atCall: (this.calls.get(fault.operation) ?? 0) + fault.nth };
  }

  /** Holds every `dataSync` back until `gate` resolves. */
  holdSyncs(gate: Promise<void> | null): void {
    this.#gate = gate;
  }

  makeDirectory(path: string): Promise<void> {
    return this.#inner.makeDirectory(path);
  }

  list(path: string): Promise<readonly string[]> {
    return this.#inner.list(path);
  }

  async open(path: string, mode: Parameters<FileSystem["open"]>[1]): Promise<LogFile> {
    this.#count("open");
    const file = await this.#inner.open(path, mode);
    return {
      write: async (bytes, position) => {
        const fault = this.#fault;
        const { matches } = fault ?? {};
        try {
          if (matches === undefined || matches(bytes, position)) this.#count("write");
        } catch (error) {
          const torn = fault?.tornBytes ?? 0;
          if (torn > 0) await file.write(bytes.subarray(0, torn), position);
          throw error;
        }
        await file.write(bytes, position);
      },
      read: async (into, position) => {
        this.#count("read");
        return file.read(into, position);
      },
      dataSync: async () => {
        await this.#gate;
        this.#count("dataSync");
        await file.dataSync();
      },
      truncate: async (length) => {
        this.#count("truncate");
        await file.truncate(length);
      },
      size: () => file.size(),
      close: () => file.close(),
    };
  }

  async rename(from: string, to: string): Promise<void> {
    this.#count("rename");
    await this.#inner.rename(from, to);
  }

  async remove(path: string): Promise<void> {
    this.#count("remove");
    await this.#inner.remove(path);
  }

  async syncDirectory(path: string): Promise<void> {
    this.#count("syncDirectory");
    await this.#inner.syncDirectory(path);
  }

  #count(operation: FileOperation): void {
    const call = (this.calls.get(operation) ?? 0) + 1;
    this.calls.set(operation, call);
    const fault = this.#fault;
    if (fault === null || fault.operation !== operation) return;
    if (call === fault.atCall || (fault.sticky === true && call > fault.atCall)) throw fault.error;
  }
}

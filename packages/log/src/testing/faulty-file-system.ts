import type { FileSystem, LogFile, OpenMode } from "../ports/file-system.ts";
import type { Fault, FileOperation } from "./fault-plan.ts";
import { FaultPlan } from "./fault-plan.ts";

/**
 * A file system that fails on demand and counts what it was asked; everything else goes to `inner`, the real one for
 * example. `matches` counts only the writes that it accepts, `tornBytes` of a failing write reach the file.
 */
export class FaultyFileSystem implements FileSystem {
  readonly #inner: FileSystem;
  readonly #plan = new FaultPlan();
  #gate: Promise<void> | null = null;

  constructor(inner: FileSystem) {
    this.#inner = inner;
  }

  /** How often each call was made. */
  get calls(): ReadonlyMap<FileOperation, number> {
    return this.#plan.calls;
  }

  /** Arms one fault; an earlier one is forgotten. */
  arm(fault: Fault | null): void {
    this.#plan.arm(fault);
  }

  /** Holds every `dataSync` back until `gate` resolves. */
  holdSyncs(gate: Promise<void> | null): void {
    this.#gate = gate;
  }

  async makeDirectory(path: string): Promise<void> {
    this.#plan.pass("makeDirectory");
    await this.#inner.makeDirectory(path);
  }

  async list(path: string): Promise<readonly string[]> {
    this.#plan.pass("list");
    return this.#inner.list(path);
  }

  async open(path: string, mode: OpenMode): Promise<LogFile> {
    this.#plan.pass(mode === "create" ? "create" : "open");
    const file = await this.#inner.open(path, mode);
    return {
      write: (bytes, position) => this.#write(file, bytes, position),
      read: async (into, position) => {
        const fault = this.#plan.meet("read");
        if (fault?.tornBytes !== undefined) return file.read(into.subarray(0, fault.tornBytes), position);
        if (fault !== null) throw fault.error;
        return file.read(into, position);
      },
      dataSync: async () => {
        await this.#gate;
        this.#plan.pass("dataSync");
        await file.dataSync();
      },
      truncate: async (length) => {
        this.#plan.pass("truncate");
        await file.truncate(length);
      },
      size: () => file.size(),
      close: () => file.close(),
    };
  }

  async rename(from: string, to: string): Promise<void> {
    this.#plan.pass("rename");
    await this.#inner.rename(from, to);
  }

  async remove(path: string): Promise<void> {
    this.#plan.pass("remove");
    await this.#inner.remove(path);
  }

  async syncDirectory(path: string): Promise<void> {
    this.#plan.pass("syncDirectory");
    await this.#inner.syncDirectory(path);
  }

  async #write(file: LogFile, bytes: Uint8Array, position: number): Promise<void> {
    const fault = this.#plan.meet("write", bytes, position);
    if (fault === null) return file.write(bytes, position);
    const torn = fault.tornBytes ?? 0;
    if (torn > 0) await file.write(bytes.subarray(0, torn), position);
    throw fault.error;
  }
}

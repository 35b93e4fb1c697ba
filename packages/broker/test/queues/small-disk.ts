import type { FileSystem, LogFile } from "@waybill/log";
import { nodeFileSystem } from "@waybill/log";

/** A disk of so many bytes, in blocks of 4 KiB: a write that needs more fails as the operating system says it. */
export class SmallDisk implements FileSystem {
  readonly #blocksMax: number;
  /** Blocks of each file by its path. */
  readonly #blocks = new Map<string, number>();

  readonly #renamed: ((from: string, to: string) => void)[] = [];

  constructor(bytesMax: number) {
    this.#blocksMax = Math.floor(bytesMax / 4096);
  }

  makeDirectory(path: string): Promise<void> {
    return nodeFileSystem.makeDirectory(path);
  }

  list(path: string): Promise<readonly string[]> {
    return nodeFileSystem.list(path);
  }

  async open(path: string, mode: Parameters<FileSystem["open"]>[1]): Promise<LogFile> {
    const file = await nodeFileSystem.open(path, mode);
    if (mode === "create") this.#blocks.set(path, 0);
    let name = path;
    this.#renamed.push((from, to) => {
      if (name === from) name = to;
    });
    return {
      write: async (bytes, position) => {
        this.#take(name, position + bytes.length);
        await file.write(bytes, position);
      },
      read: (into, position) => file.read(into, position),
      dataSync: () => file.dataSync(),
      truncate: (length) => file.truncate(length),
      size: () => file.size(),
      close: () => file.close(),
    };
  }

  async rename(from: string, to: string): Promise<void> {
    await nodeFileSystem.rename(from, to);
    this.#blocks.set(to, this.#blocks.get(from) ?? 0);
    this.#blocks.delete(from);
    for (const renamed of this.#renamed) renamed(from, to);
  }

  async remove(path: string): Promise<void> {
    await nodeFileSystem.remove(path);
    this.#blocks.delete(path);
  }

  syncDirectory(path: string): Promise<void> {
    return nodeFileSystem.syncDirectory(path);
  }

  #take(path: string, end: number): void {
    const before = this.#blocks.get(path) ?? 0;
    const blocks = Math.max(before, Math.ceil(end / 4096));
    const used = [...this.#blocks.values()].reduce((sum, count) => sum + count, 0);
    if (used - before + blocks > this.#blocksMax)
      throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    this.#blocks.set(path, blocks);
  }
}

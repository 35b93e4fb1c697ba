import type { FileSystem, LogFile } from "@waybill/log";
import { nodeFileSystem } from "@waybill/log";

/**
 * The file system of a process that can be killed: afterwards no call of it does or answers anything. Nothing waits for
 * the disk, so what was written is there for whoever opens the files next, as after the kill of a process.
 */
export class KillableFileSystem implements FileSystem {
  #isKilled = false;
  readonly #running = new Set<Promise<unknown>>();

  /** Resolves when the calls that had begun are over. */
  async kill(): Promise<void> {
    this.#isKilled = true;
    await Promise.allSettled(this.#running);
  }

  makeDirectory(path: string): Promise<void> {
    return this.#call(() => nodeFileSystem.makeDirectory(path));
  }

  list(path: string): Promise<readonly string[]> {
    return this.#call(() => nodeFileSystem.list(path));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#call(() => nodeFileSystem.rename(from, to));
  }

  remove(path: string): Promise<void> {
    return this.#call(() => nodeFileSystem.remove(path));
  }

  syncDirectory(): Promise<void> {
    return this.#call(() => Promise.resolve());
  }

  async open(path: string, mode: Parameters<FileSystem["open"]>[1]): Promise<LogFile> {
    const file = await this.#call(() => nodeFileSystem.open(path, mode));
    return {
      write: (bytes, position) => this.#call(() => file.write(bytes, position)),
      read: (into, position) => this.#call(() => file.read(into, position)),
      dataSync: () => this.#call(() => Promise.resolve()),
      truncate: (length) => this.#call(() => file.truncate(length)),
      size: () => this.#call(() => file.size()),
      close: () => file.close(),
    };
  }

  #call<Result>(run: () => Promise<Result>): Promise<Result> {
    if (this.#isKilled) return new Promise(() => {});
    const running = run();
    this.#running.add(running);
    const over = (): void => void this.#running.delete(running);
    running.then(over, over);
    return running.then((result) => (this.#isKilled ? new Promise<Result>(() => {}) : result));
  }
}

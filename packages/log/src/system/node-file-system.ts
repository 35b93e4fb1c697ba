import { close, fdatasync, fstat, ftruncate, open, read, write } from "node:fs";
import { mkdir, open as openHandle, readdir, rename, rm, type FileHandle } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { FileSystem, LogFile, OpenMode } from "../ports/file-system.ts";

const FREED_AT_ONCE_BYTES = 2 * 1024 * 1024;
const FREE_PAUSE_MS = 5;

const FLAGS = { create: "wx+", write: "r+", read: "r" } as const satisfies Record<OpenMode, string>;

/** The file system of the machine. Files are created with mode 0600, directories with 0700. */
export const nodeFileSystem: FileSystem = {
  async makeDirectory(path) {
    await mkdir(path, { recursive: true, mode: 0o700 });
  },
  list: (path) => readdir(path),
  open: (path, mode) =>
    new Promise<LogFile>((resolve, reject) => {
      open(path, FLAGS[mode], 0o600, (error, fd) => (error ? reject(error) : resolve(new NodeFile(fd))));
    }),
  rename,
  remove,
  async syncDirectory(path) {
    const directory = await openHandle(path, "r");
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  },
};

/**
 * Gives the space of a large file back in steps. Freed in one piece, 64 MiB kept every fdatasync of the file system waiting for
 * 20 ms. It has no name by then: after a crash the file system frees what is left.
 */
async function remove(path: string): Promise<void> {
  let file: FileHandle;
  try {
    file = await openHandle(path, "r+");
  } catch {
    return rm(path, { force: true });
  }
  try {
    const { size } = await file.stat();
    await rm(path, { force: true });
    for (let left = size - FREED_AT_ONCE_BYTES; left > 0; left -= FREED_AT_ONCE_BYTES) {
      await file.truncate(left);
      await delay(FREE_PAUSE_MS);
    }
  } finally {
    await file.close();
  }
}

/** Callbacks instead of `fs/promises`: the commit path makes two calls per batch, and these cost half as much. */
class NodeFile implements LogFile {
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  write(bytes: Uint8Array, position: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const rest = (from: number): void => {
        write(this.#fd, bytes, from, bytes.length - from, position + from, (error, written) => {
          if (error) reject(error);
          else if (from + written < bytes.length) rest(from + written);
          else resolve();
        });
      };
      rest(0);
    });
  }

  read(into: Uint8Array, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const rest = (from: number): void => {
        read(this.#fd, into, from, into.length - from, position + from, (error, count) => {
          if (error) reject(error);
          else if (count > 0 && from + count < into.length) rest(from + count);
          else resolve(from + count);
        });
      };
      rest(0);
    });
  }

  dataSync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(this.#fd, (error) => (error ? reject(error) : resolve()));
    });
  }

  truncate(length: number): Promise<void> {
    return new Promise((resolve, reject) => {
      ftruncate(this.#fd, length, (error) => (error ? reject(error) : resolve()));
    });
  }

  size(): Promise<number> {
    return new Promise((resolve, reject) => {
      fstat(this.#fd, (error, stats) => (error ? reject(error) : resolve(stats.size)));
    });
  }

  close(): Promise<void> {
    return new Promise((resolve, reject) => {
      close(this.#fd, (error) => (error ? reject(error) : resolve()));
    });
  }
}

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { FileSystem, Log, LogOptions } from "@waybill/log";
import { nodeFileSystem, openLog, recordOf } from "@waybill/log";
import { SMALL } from "./log-sizes.ts";

export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "waybill-log-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

const unsynced: FileSystem = {
  ...nodeFileSystem,
  syncDirectory: () => Promise.resolve(),
  async open(path, mode) {
    const file = await nodeFileSystem.open(path, mode);
    file.dataSync = () => Promise.resolve();
    return file;
  },
};

export async function openSmall(directory: string, options: Partial<LogOptions> = {}): Promise<Log> {
  const log = await openLog({ directory, ...SMALL, ...options });
  onTestFinished(() => log.close());
  return log;
}

export function appendText(log: Log, ...contents: readonly string[]): Promise<void> {
  return log.append(contents.map((text) => recordOf(Buffer.from(text))));
}

export async function texts(log: Log, from?: number): Promise<string[]> {
  const found: string[] = [];
  for await (const record of log.records(from)) found.push(record.data.toString());
  return found;
}

/** For tests that open a directory hundreds of times: no waiting for the disk, no lock. */
export const QUICK = {
  ...SMALL,
  fileSystem: unsynced,
  acquireLock: () => ({ release: () => {} }),
} as const;

import { join } from "node:path";
import { WaybillError } from "@waybill/core";
import type { Log } from "@waybill/log";
import { LogError, LogOwnedError, openLog } from "@waybill/log";
import type { Checkpoint } from "../storage/checkpoint-file.ts";
import { readCheckpoint } from "../storage/checkpoint-file.ts";
import type { QueueEngine } from "./contract.ts";
import { Engine } from "./engine/engine.ts";
import { report } from "./events.ts";
import type { QueueEngineOptions, ResolvedQueueEngineOptions } from "./options.ts";
import { resolveQueueEngineOptions } from "./options.ts";
import { recover } from "./recovery/recover.ts";
import { Checkpointer } from "./retention/checkpointer.ts";

/** Names, routing key and links of a message come on top of `messageBytesMax`. */
const OVERHEAD_BYTES = 64 * 1024;

/**
 * Opens the engine on a data directory and recovers it: every message that was flushed, is persistent and was not
 * settled is in its durable queue again, in order. One process owns the directory.
 *
 * @throws WaybillError `OPTIONS_INVALID`, `DATA_DIR_OWNED`, `DATA_DIR_DAMAGED` (nothing was changed)
 */
export async function openQueueEngine(options: QueueEngineOptions): Promise<QueueEngine> {
  const resolved = resolveQueueEngineOptions(options);
  let log: Log | null = null;
  try {
    const checkpoint = await usableCheckpoint(resolved);
    log = await openEngineLog(resolved, checkpoint?.provenOffset ?? 0);
    if (log.tornTail !== null) {
      const { file, bytes } = log.tornTail;
      report(resolved.onEvent, { type: "engine.torn-tail", level: "warn", file, bytes });
    }
    const engine = new Engine(log, resolved);
    for (const lost of await recover(engine, log, checkpoint?.snapshotOffset ?? null)) {
      report(resolved.onEvent, { type: "engine.messages-lost", level: "error", ...lost });
    }
    const checkpointer = new Checkpointer(engine, log, resolved);
    engine.commits.onAppended = (bytes) => checkpointer.appended(bytes);
    engine.onDiskFull = () => checkpointer.relieve();
    engine.beforeClose = () => checkpointer.close();
    return engine;
  } catch (error) {
    await log?.close();
    throw toWaybillError(error, resolved.dataDir);
  }
}

async function usableCheckpoint({
  fileSystem,
  dataDir,
  onEvent,
}: ResolvedQueueEngineOptions): Promise<Checkpoint | null> {
  const checkpoint = await readCheckpoint(fileSystem, dataDir);
  if (typeof checkpoint !== "string") return checkpoint;
  report(onEvent, { type: "engine.checkpoint-ignored", level: "warn", reason: checkpoint });
  return null;
}

function openEngineLog(options: ResolvedQueueEngineOptions, provenOffset: number): Promise<Log> {
  const { acquireLock, clock } = options;
  return openLog({
    directory: options.dataDir,
    segmentBytes: options.segmentBytes,
    fillAheadBytes: options.fillAheadBytes,
    queueBytesMax: options.queueBytesMax,
    recordBytesMax: options.messageBytesMax + OVERHEAD_BYTES,
    provenOffset,
    fileSystem: options.fileSystem,
    now: () => clock.now(),
    ...(acquireLock === undefined ? {} : { acquireLock }),
  });
}

function toWaybillError(error: unknown, dataDir: string): unknown {
  if (error instanceof LogOwnedError) {
    const owner = error.ownerPid === null ? "another process" : `process ${error.ownerPid}`;
    return new WaybillError("DATA_DIR_OWNED", `${dataDir} is in use by ${owner}. Stop it first.`, {
      cause: error,
    });
  }
  if (error instanceof LogError && error.code === "LOG_CORRUPT") {
    const advice = `Nothing was changed. Restore a copy of ${join(dataDir, "log")}, or run \`waybill broker repair\`.`;
    return new WaybillError("DATA_DIR_DAMAGED", `${error.message}. ${advice}`, { cause: error });
  }
  return error;
}

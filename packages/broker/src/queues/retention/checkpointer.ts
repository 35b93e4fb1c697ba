import type { Log, RecordSource } from "@waybill/log";
import type { Checkpoint } from "../../storage/checkpoint-file.ts";
import { removeCheckpoint, writeCheckpoint } from "../../storage/checkpoint-file.ts";
import type { Engine } from "../engine/engine.ts";
import { report } from "../events.ts";
import type { ResolvedQueueEngineOptions } from "../options.ts";
import { takeSnapshot } from "../recovery/snapshot.ts";
import { Retention } from "./retention.ts";

/** A snapshot is at most this part of what is written. */
const SNAPSHOT_SHARE = 8;
const PIECE_BYTES = 1024 * 1024;

/** Records the whole state at the end of the log now and then, and frees what nobody needs any more. */
export class Checkpointer {
  readonly #engine: Engine;
  readonly #log: Log;
  readonly #options: ResolvedQueueEngineOptions;
  readonly #retention: Retention;
  #appendedBytes = 0;
  #snapshotBytes = 0;
  #running: Promise<void> | null = null;

  constructor(engine: Engine, log: Log, options: ResolvedQueueEngineOptions) {
    this.#engine = engine;
    this.#log = log;
    this.#options = options;
    const { segmentBytes, backlogAlarmBytes, onEvent } = options;
    const breathe = (): Promise<void> => this.#breathe();
    this.#retention = new Retention(log, engine.store, { segmentBytes, backlogAlarmBytes, onEvent, breathe });
  }

  /** Counts what was appended, and starts a checkpoint when it is time. */
  appended(bytes: number): void {
    this.#appendedBytes += bytes;
    if (this.#running !== null) return;
    const { checkpointBytes } = this.#options;
    if (this.#appendedBytes >= Math.max(checkpointBytes, this.#snapshotBytes * SNAPSHOT_SHARE)) this.#start();
  }

  /** The disk is full: a checkpoint is due as soon as anything happened since the last one. */
  relieve(): void {
    if (this.#running === null && this.#appendedBytes > 0) this.#start();
  }

  /** The last one, when everything else has ended. */
  async close(): Promise<void> {
    await this.#running;
    await this.write(true);
  }

  /** Writes one now. What fails is reported: the log alone is enough to recover from. */
  async write(isFinal: boolean): Promise<void> {
    try {
      await this.#write(isFinal);
    } catch (cause) {
      const error = cause instanceof Error ? cause : new Error(String(cause));
      report(this.#options.onEvent, { type: "engine.checkpoint-failed", level: "warn", error });
    }
  }

  async #write(isFinal: boolean): Promise<void> {
    // In a turn of its own, no message is on its way from one place to another.
    await this.#breathe();
    this.#appendedBytes = 0;
    const snapshot = takeSnapshot(this.#engine, isFinal);
    const snapshotOffset = this.#log.nextOffset;
    this.#snapshotBytes = await this.#append(snapshot.records());
    const checkpoint = { snapshotOffset, provenOffset: this.#log.durableOffset };
    const isWritten = await this.#point(checkpoint);
    await this.#retention.run(snapshot, Math.min(snapshot.replayFrom, snapshotOffset));
    if (!isWritten) await this.#point(checkpoint);
  }

  /**
   * Writes the file that says where the snapshot is. A full disk may have no room for it: then the old one goes, for
   * without any the log is searched for its newest snapshot, and what that does not need can be freed.
   */
  async #point(checkpoint: Checkpoint): Promise<boolean> {
    const { fileSystem, dataDir } = this.#options;
    try {
      await writeCheckpoint(fileSystem, dataDir, checkpoint);
      return true;
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      await removeCheckpoint(fileSystem, dataDir);
      return false;
    }
  }

  #start(): void {
    this.#running = this.write(false).finally(() => {
      this.#running = null;
    });
  }

  /** A little at a time, so that messages get their turn and memory stays bounded. */
  async #append(records: Iterable<RecordSource>): Promise<number> {
    let total = 0;
    let piece: RecordSource[] = [];
    let bytes = 0;
    for (const record of records) {
      piece.push(record);
      bytes += record.byteLength;
      if (bytes < PIECE_BYTES) continue;
      await this.#engine.append(piece);
      total += bytes;
      piece = [];
      bytes = 0;
    }
    await this.#engine.append(piece);
    return total + bytes;
  }

  #breathe(): Promise<void> {
    return this.#options.clock.sleep(0);
  }
}

function isDiskFull(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT");
}

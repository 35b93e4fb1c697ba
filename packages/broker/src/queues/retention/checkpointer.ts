import type { Log, RecordSource } from "@waybill/log";
import { writeCheckpoint } from "../../storage/checkpoint-file.ts";
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
    if (this.#appendedBytes < Math.max(this.#options.checkpointBytes, this.#snapshotBytes * SNAPSHOT_SHARE))
      return;
    this.#running = this.write(false).finally(() => {
      this.#running = null;
    });
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
    const { fileSystem, dataDir } = this.#options;
    await writeCheckpoint(fileSystem, dataDir, { snapshotOffset, provenOffset: this.#log.durableOffset });
    await this.#retention.run(snapshot, Math.min(snapshot.replayFrom, snapshotOffset));
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

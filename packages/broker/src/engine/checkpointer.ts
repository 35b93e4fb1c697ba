import type { Log } from "@waybill/log";
import { encodeControl } from "../records/control-record.ts";
import type { BrokerState } from "../state/broker-state.ts";
import { writeCheckpoint } from "../storage/checkpoint-file.ts";
import { notify } from "./engine-events.ts";
import type { ResolvedNativeBrokerOptions } from "../options/native-broker-options.ts";

/** Records the whole state at the end of the log now and then, and drops the segments that nobody needs any more. */
export class Checkpointer {
  readonly #log: Log;
  readonly #state: BrokerState;
  readonly #options: ResolvedNativeBrokerOptions;
  readonly #onFailed: (error: Error) => void;
  #appendedBytes = 0;
  #running: Promise<void> | null = null;

  constructor(
    log: Log,
    state: BrokerState,
    options: ResolvedNativeBrokerOptions,
    onFailed: (error: Error) => void,
  ) {
    this.#log = log;
    this.#state = state;
    this.#options = options;
    this.#onFailed = onFailed;
  }

  /** Counts what was appended, and starts a checkpoint when it is time. */
  appended(bytes: number): void {
    this.#appendedBytes += bytes;
    if (this.#appendedBytes < this.#options.checkpointBytes || this.#running !== null) return;
    this.#appendedBytes = 0;
    this.#running = this.write().then(
      () => {
        this.#running = null;
      },
      (error: unknown) => {
        this.#running = null;
        this.#onFailed(error instanceof Error ? error : new Error(String(error)));
      },
    );
  }

  /** Resolves when no checkpoint is being written. */
  async settled(): Promise<void> {
    await this.#running;
  }

  /** Writes one now: first into the log, then the file that points at it, then old segments go. */
  async write(): Promise<void> {
    const records = Array.from(this.#state.snapshot(), encodeControl);
    const snapshotOffset = this.#log.nextOffset;
    await this.#log.append(records, { urgent: true });
    const checkpoint = { snapshotOffset, provenOffset: this.#log.durableOffset };
    await writeCheckpoint(this.#options.fileSystem, this.#options.dataDir, checkpoint);
    await this.#dropOld(snapshotOffset);
  }

  /** Drops what every group is done with; says who is the last to want the rest when that is much. */
  async #dropOld(snapshotOffset: number): Promise<void> {
    let floor = snapshotOffset;
    let slowest: string | null = null;
    for (const group of this.#state.groups.values()) {
      if (group.floor >= floor) continue;
      floor = group.floor;
      slowest = group.name;
    }
    await this.#log.dropBefore(floor);
    const keptBytes = this.#log.segmentCount * this.#options.segmentBytes;
    if (slowest === null || keptBytes <= this.#options.backlogAlarmBytes) return;
    notify(this.#options.onEvent, { type: "broker.backlog", level: "warn", group: slowest, keptBytes });
  }
}

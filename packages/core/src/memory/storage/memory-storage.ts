import { DEFAULT_PARTITIONS } from "../../message/partition.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Random } from "../../ports/random.ts";
import type { Storage } from "../../ports/storage.ts";
import { systemClock } from "../../system/system-clock.ts";
import { systemRandom } from "../../system/system-random.ts";
import { untilAborted } from "../../ports/until-aborted.ts";
import { MemoryDatabase } from "./memory-database.ts";
import { MemoryDeadLetterTable } from "./memory-dead-letter-table.ts";
import { MemoryDeadLetters } from "./memory-dead-letters.ts";
import { MemoryInbox } from "./memory-inbox.ts";
import { MemoryJobs } from "./memory-jobs.ts";
import { MemoryOutbox } from "./memory-outbox.ts";
import { MemoryParked } from "./memory-parked.ts";
import { MemoryRelayStore } from "./memory-relay-store.ts";
import type { MemoryTransaction } from "./open-transaction.ts";
import { Part } from "./part.ts";

export interface MemoryStorageOptions {
  /** The source that it belongs to; by default the first that asks. */
  readonly source?: string;
  /** Default 32. */
  readonly partitions?: number;
  /** The clock that decides about leases, due times and expiry. */
  readonly clock?: Clock;
  readonly random?: Random;
}

/** A storage whose content ends with the process. */
export interface MemoryStorage extends Storage<MemoryTransaction> {
  /** A business row as everybody sees it now; `undefined` when there is none. */
  committed(key: string): unknown;
}

/**
 * A storage in memory for tests, examples and simulations. It keeps every promise of the port except durability:
 * transactions are atomic and isolated (READ COMMITTED), windows are read by snapshots, locks make others wait.
 */
export function memoryStorage(options: MemoryStorageOptions = {}): MemoryStorage {
  const database = new MemoryDatabase({
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
    source: options.source ?? null,
    partitions: options.partitions ?? DEFAULT_PARTITIONS,
  });
  const deadLetters = new MemoryDeadLetterTable(database);
  const parked = new MemoryParked(database, deadLetters);
  const relay = new MemoryRelayStore(database, parked, deadLetters);
  const inbox = new MemoryInbox(database, parked);

  const transaction: MemoryStorage["transaction"] = async (work, { signal } = {}) => {
    const tx = database.begin();
    try {
      const result = await untilAborted(
        () => work(tx),
        signal,
        () => tx.rollback(),
      );
      tx.commit();
      return result;
    } catch (error) {
      if (tx.isOpen) tx.rollback();
      throw error;
    }
  };

  return {
    name: "memory",
    outbox: new MemoryOutbox(database, () => relay.settled),
    relay,
    parked,
    inbox,
    deadLetters: new MemoryDeadLetters(database, deadLetters, parked),
    jobs: new MemoryJobs(database),
    committed: (key) => database.rows.read(null, key),
    check: async (source) => database.settings(source),
    transaction,
    claimed: (request, work, giveUp) =>
      transaction(async (tx) => work(tx, await inbox.claim(tx, request)), giveUp),
    async savepoint(tx, work, { signal } = {}) {
      const open = database.opened(tx);
      const mark = open.mark();
      const part = new Part(tx);
      try {
        return await untilAborted(
          () => work(signal === undefined ? tx : part),
          signal,
          () => part.end(),
        );
      } catch (error) {
        if (open.isOpen) open.rollbackTo(mark);
        throw error;
      }
    },
    async [Symbol.asyncDispose]() {},
  };
}

import type { Snapshot, Storage } from "@waybill/core";
import { onTestFinished } from "vitest";
import { waitUntil } from "../support/wait-until.ts";

/** A storage for one test. At least four transactions must be able to be open at a time. */
export interface StorageBed<Tx> {
  readonly storage: Storage<Tx>;
  /** The source that it belongs to. It may be new and empty, or at least nobody else uses it. */
  readonly source: string;
  /** Moves the storage's clock, where it is not a real one. */
  advance?(ms: number): void;
  dispose(): PromiseLike<void>;
}

/** What a theme of cases gets. */
export interface StorageSuite<Tx> {
  /** A new storage, gone when the test ends. */
  readonly open: () => Promise<StorageBed<Tx>>;
}

/** A transaction that is held open over several steps of a test. */
export interface HeldTransaction<Tx> {
  readonly tx: Tx;
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

class Rollback extends Error {}

/** Begins a transaction that ends when the test says so, and is rolled back when the test ends before. */
export async function hold<Tx>(storage: Storage<Tx>): Promise<HeldTransaction<Tx>> {
  const begun = Promise.withResolvers<Tx>();
  const end = Promise.withResolvers<void>();
  const ended = storage.transaction(async (tx) => {
    begun.resolve(tx);
    await end.promise;
  });
  ended.catch((error: unknown) => begun.reject(error));
  const rollback = async (): Promise<void> => {
    end.reject(new Rollback("the test rolls back"));
    await ended.catch((error: unknown) => {
      if (!(error instanceof Rollback)) throw error;
    });
  };
  onTestFinished(rollback);
  return {
    tx: await begun.promise,
    commit: async () => {
      end.resolve();
      await ended;
    },
    rollback,
  };
}

/** Runs `work` in a transaction that rolls back. */
export async function rolledBack<Tx>(storage: Storage<Tx>, work: (tx: Tx) => Promise<void>): Promise<void> {
  const held = await hold(storage);
  await work(held.tx);
  await held.rollback();
}

/** Waits for something that becomes true only after `ms` of the storage's clock. */
export async function later<Tx, T>(
  bed: StorageBed<Tx>,
  ms: number,
  what: string,
  probe: () => Promise<T | undefined | null | false>,
): Promise<T> {
  bed.advance?.(ms);
  return waitUntil(what, probe);
}

/** The lease of a relay, for the steps that need one. */
export async function leaseOf<Tx>(storage: Storage<Tx>, owner = "relay-1", leaseMs = 60_000) {
  const answer = await storage.relay.acquire(owner, leaseMs);
  if (answer.kind !== "acquired") throw new Error(`the lease is held by ${answer.owner}`);
  return answer.lease;
}

/** The snapshot at which a new outbox begins. */
export async function startOf<Tx>(storage: Storage<Tx>): Promise<Snapshot> {
  const lease = await leaseOf(storage, "starter");
  const { from } = await storage.relay.load(lease);
  await storage.relay.release(lease);
  return from;
}

import type { Waybill } from "@waybill/core";
import { inTransaction, type PgTransaction } from "@waybill/postgres";
import type { Pool } from "pg";
import { runIn, type AnyTransaction } from "./run-in.ts";
import type { Seeded } from "./seeded.ts";
import { takeNote } from "./take-note.ts";

class RolledBack extends Error {
  override readonly name = "RolledBack";
}

/** Runs `work` in a transaction of the business, which commits when it resolves. */
export type InTransaction<Tx> = (work: (tx: Tx) => Promise<void>) => Promise<void>;

export interface Writing<Tx extends AnyTransaction = PgTransaction> {
  /** Where the business commits: a pool, or whatever begins transactions. */
  readonly pool: Pool | InTransaction<Tx>;
  readonly waybill: Pick<Waybill<Tx>, "send">;
  readonly keys: number;
  /** What the keys begin with. Default `k`. */
  readonly prefix?: string;
  readonly chance: Seeded;
  /** Share of transactions that are rolled back after they sent. */
  readonly rollbacks: number;
}

/**
 * Takes one note. Some take their transaction id early, some send within a savepoint, some roll back. Answers whether
 * it committed.
 */
export async function writeNote<Tx extends AnyTransaction>(writing: Writing<Tx>): Promise<boolean> {
  const { pool, waybill, chance } = writing;
  const key = `${writing.prefix ?? "k"}${chance.below(writing.keys)}`;
  const early = chance.fraction() < 0.3;
  const nested = chance.fraction() < 0.2;
  const fails = chance.fraction() < writing.rollbacks;
  const begin = typeof pool === "function" ? pool : (inPool(pool) as InTransaction<Tx>);
  try {
    await begin(async (tx) => {
      if (early) await runIn(tx, "select pg_current_xact_id()");
      await takeNote(tx, waybill, key, { nested });
      if (fails) throw new RolledBack();
    });
    return true;
  } catch (error) {
    if (error instanceof RolledBack) return false;
    throw error;
  }
}

/** Takes notes until `enough` committed, with `writers` at once. Answers how many were rolled back. */
export async function writeNotes<Tx extends AnyTransaction>(
  writing: Writing<Tx>,
  writers: number,
  enough: number,
): Promise<number> {
  let left = enough;
  let rolledBack = 0;
  const writer = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      if (!(await writeNote(writing))) {
        left += 1;
        rolledBack += 1;
      }
    }
  };
  await Promise.all(Array.from({ length: writers }, writer));
  return rolledBack;
}

function inPool(pool: Pool): InTransaction<PgTransaction> {
  return (work) => inTransaction(pool, work);
}

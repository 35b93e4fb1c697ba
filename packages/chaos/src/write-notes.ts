import type { Waybill } from "@waybill/core";
import { inTransaction, type PgTransaction } from "@waybill/postgres";
import type { Pool } from "pg";
import { Noted } from "./noted.ts";
import type { Seeded } from "./seeded.ts";

class RolledBack extends Error {
  override readonly name = "RolledBack";
}

export interface Writing {
  readonly pool: Pool;
  readonly waybill: Pick<Waybill<PgTransaction>, "send">;
  readonly keys: number;
  readonly chance: Seeded;
  /** Share of transactions that are rolled back after they sent. */
  readonly rollbacks: number;
}

/**
 * Takes one note: the key's counter is updated first, so that transactions of one key exclude each other before they
 * send. Some take their transaction id early, some send within a savepoint, some roll back. Answers whether it committed.
 */
export async function writeNote(writing: Writing): Promise<boolean> {
  const { pool, waybill, chance } = writing;
  const key = `k${chance.below(writing.keys)}`;
  const early = chance.fraction() < 0.3;
  const nested = chance.fraction() < 0.2;
  const fails = chance.fraction() < writing.rollbacks;
  try {
    await inTransaction(pool, async (tx) => {
      if (early) await tx.query("select pg_current_xact_id()");
      const counted = await tx.query<{ last: number }>(
        "insert into counter values ($1, 1) on conflict (key) do update set last = counter.last + 1 returning last",
        [key],
      );
      const no = counted.rows[0]?.last ?? 0;
      await tx.query("insert into noted values ($1, $2)", [key, no]);
      if (nested) await tx.query("savepoint inner_part");
      await waybill.send(tx, Noted, { key, no });
      if (nested) await tx.query("release savepoint inner_part");
      if (fails) throw new RolledBack();
    });
    return true;
  } catch (error) {
    if (error instanceof RolledBack) return false;
    throw error;
  }
}

/** Takes notes until `enough` committed, with `writers` at once. Answers how many were rolled back. */
export async function writeNotes(writing: Writing, writers: number, enough: number): Promise<number> {
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

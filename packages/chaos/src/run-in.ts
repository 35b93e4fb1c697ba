import type { PgTransaction } from "@waybill/postgres";
import type { Knex } from "knex";

/** A transaction of either driver. */
export type AnyTransaction = PgTransaction | Knex.Transaction;

/** Runs one statement in a transaction of either driver. `$1`, `$2` … stand in order and once each. */
export async function runIn<Row = unknown>(
  tx: AnyTransaction,
  text: string,
  values: readonly (string | number)[] = [],
): Promise<readonly Row[]> {
  if ("raw" in tx) {
    const answer = await tx.raw<{ rows: Row[] }>(text.replaceAll(/\$\d+/g, "?"), [...values]);
    return answer.rows;
  }
  const answer = await tx.query(text, [...values]);
  return answer.rows as Row[];
}

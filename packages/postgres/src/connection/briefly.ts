import { isWaybillError } from "@waybill/core";
import type { PurgeStatements } from "../sql/purge-statements.ts";
import { sqlState } from "./driver-error.ts";
import { run, type Connection } from "./run.ts";

const LOCK_NOT_AVAILABLE = "55P03";

/**
 * Runs `work` in a transaction that waits at most 50 ms for a lock and commits only if `work` answers `true`. Answers
 * `false` when a lock could not be had: nobody waits long behind housekeeping.
 */
export async function briefly(
  connection: Connection,
  sql: PurgeStatements,
  work: () => Promise<boolean>,
): Promise<boolean> {
  await run({ ...connection, strict: false }, sql.begin, []);
  let done = false;
  try {
    await run(connection, sql.settings, []);
    done = await work();
    return done;
  } catch (error) {
    if (isWaybillError(error) && sqlState(error.cause) === LOCK_NOT_AVAILABLE) return false;
    throw error;
  } finally {
    await run(connection, done ? sql.commit : sql.rollback, []);
  }
}

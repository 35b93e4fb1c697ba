import { WaybillError } from "@waybill/core";
import type { ClientBase } from "pg";
import { isConnectionError, unavailable } from "./driver-error.ts";

/**
 * Commits, and tells apart what else can happen.
 *
 * @param lostBefore the error with which the connection broke before, if it did: then nothing was committed
 * @throws WaybillError `STORAGE_UNAVAILABLE` (nothing happened), `COMMIT_UNKNOWN`, or `STORAGE_FAILED` when the server
 * rolled back because an earlier statement had failed; errors of deferred constraints are passed on unchanged
 */
export async function commit(client: ClientBase, lostBefore: unknown): Promise<void> {
  if (lostBefore !== undefined) throw unavailable(lostBefore);
  let command: string;
  try {
    ({ command } = await client.query("commit"));
  } catch (error) {
    throw isConnectionError(error) ? commitUnknown(error) : error;
  }
  if (command !== "COMMIT") throw rolledBackInstead();
}

/** The connection was lost while committing. */
export function commitUnknown(cause: unknown): WaybillError {
  const message =
    "The connection was lost during COMMIT: the transaction may or may not have been committed. Look for its rows before repeating it.";
  return new WaybillError("COMMIT_UNKNOWN", message, { cause });
}

/** The server answered COMMIT with ROLLBACK. */
export function rolledBackInstead(): WaybillError {
  const message =
    "The transaction was rolled back at COMMIT, because a statement in it had failed and the error was swallowed.";
  return new WaybillError("STORAGE_FAILED", message);
}

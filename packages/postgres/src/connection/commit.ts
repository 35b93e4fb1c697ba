import { WaybillError } from "@waybill/core";
import type { ClientBase, Connection as Wire, Submittable } from "pg";
import { isConnectionError, unavailable } from "./driver-error.ts";
import { takesOwnQueries } from "./prepared.ts";

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
    command = takesOwnQueries(client) ? await leanCommit(client) : (await client.query("commit")).command;
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

function leanCommit(client: ClientBase): Promise<string> {
  return new Promise((resolve, reject) => {
    client.query(
      new LeanCommit((error, command) => {
        if (error === null) resolve(command);
        else reject(error);
      }),
    );
  });
}

/** COMMIT without what pg prepares for rows: every transaction ends with one. */
class LeanCommit implements Submittable {
  #command = "";
  /** Not private: with a `query_timeout`, pg puts its own in front. */
  callback: (error: Error | null, command: string) => void;

  constructor(callback: (error: Error | null, command: string) => void) {
    this.callback = callback;
  }

  submit(wire: Wire): void {
    wire.query("commit");
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    this.#command = text;
  }

  handleError(error: Error): void {
    this.callback(error, "");
  }

  handleReadyForQuery(): void {
    this.callback(null, this.#command);
  }
}

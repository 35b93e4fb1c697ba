import { WaybillError } from "@waybill/core";
import type { ClientBase, Connection as Wire, Submittable } from "pg";
import { isConnectionError, unavailable } from "./driver-error.ts";
import type { Flight } from "./flight.ts";
import { takesOwnQueries } from "./prepared.ts";

/**
 * Commits, and tells apart what else can happen.
 *
 * @param lostBefore the error with which the connection broke before, if it did: then nothing was committed
 * @param next goes to the connection in one piece with it, where own queries are taken; it is answered by itself
 * @throws WaybillError `STORAGE_UNAVAILABLE` (nothing happened), `COMMIT_UNKNOWN`, or `STORAGE_FAILED` when the server
 * rolled back because an earlier statement had failed; errors of deferred constraints are passed on unchanged
 */
export async function commit(
  client: ClientBase,
  lostBefore: unknown,
  next: Flight | null = null,
): Promise<void> {
  if (lostBefore !== undefined) throw unavailable(lostBefore);
  let command: string;
  try {
    command = takesOwnQueries(client)
      ? await leanCommit(client, next)
      : (await client.query("commit")).command;
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

function leanCommit(client: ClientBase, next: Flight | null): Promise<string> {
  return new Promise((resolve, reject) => {
    client.query(
      new LeanCommit(next, (error, command) => {
        // Before anybody else can, and now, because the client takes a second query only between two others.
        if (next !== null) client.query(next);
        if (error === null) resolve(command);
        else reject(error);
      }),
    );
  });
}

/** COMMIT without what pg prepares for rows: every transaction ends with one. */
class LeanCommit implements Submittable {
  readonly #next: Flight | null;
  #command = "";
  /** Not private: with a `query_timeout`, pg puts its own in front. */
  callback: (error: Error | null, command: string) => void;

  constructor(next: Flight | null, callback: (error: Error | null, command: string) => void) {
    this.#next = next;
    this.callback = callback;
  }

  submit(wire: Wire): void {
    if (this.#next === null) return wire.query("commit");
    wire.stream.cork();
    wire.query("commit");
    this.#next.write(wire);
    wire.stream.uncork();
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

import type { Socket } from "node:net";
import type { ClientBase } from "pg";

/** What pg keeps its socket and the id of its session in; in its types only for `Client`. */
interface Inside {
  readonly connection?: { readonly stream?: Socket };
  readonly processID?: number | null;
}

/** Ends a session of one's own, unless it is between transactions: then it is not the one that was meant any more. */
const TERMINATE =
  "select pg_terminate_backend(pid) from pg_stat_activity where pid = $1 and xact_start is not null";

/**
 * Cuts a connection: every use of the client from now on, also one that is under way, is an error, and the pool drops
 * it when it is given back. The server rolls back what is open on it; because it does not notice that while a
 * statement runs, it is told on another connection, if one can be had.
 */
export function destroyConnection(
  client: ClientBase,
  elsewhere: (text: string, values: readonly number[]) => Promise<unknown>,
): void {
  const { connection, processID } = client as ClientBase & Inside;
  connection?.stream?.destroy();
  if (typeof processID === "number") elsewhere(TERMINATE, [processID]).catch(() => undefined);
}

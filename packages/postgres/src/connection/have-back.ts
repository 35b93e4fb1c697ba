import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { ClientBase } from "pg";

/** After this long a connection that does not answer is taken for lost. */
const TRY_MS = 3_000;
/** A statement that is cancelled ends soon; one that began meanwhile has to be cancelled again. */
const CANCEL_EVERY_MS = 500;

const CANCEL_REQUEST = 80_877_102;
const CANCEL =
  "select pg_cancel_backend(pid) from pg_stat_activity where pid = $1 and xact_start is not null";

/** What pg knows of its session; in its types only in part. Checked against pg 8.23. */
interface Session {
  readonly host?: string;
  readonly port?: number;
  readonly ssl?: unknown;
  readonly processID?: number | null;
  readonly secretKey?: unknown;
  /** Nothing is under way, and nothing waits to be sent. */
  readonly readyForQuery?: unknown;
}

type Elsewhere = (text: string, values: readonly number[]) => Promise<unknown>;

/**
 * Has a connection back from whoever goes on using it: cancels the statement that is under way, until none is. Answers
 * `false` when that does not work within seconds. When it answers `true`, no cancellation is on its way any more that could
 * hit what is sent next.
 *
 * @param elsewhere runs a statement on another connection; used where the server wants to be spoken to by TLS
 */
export async function hadBack(client: ClientBase, elsewhere: Elsewhere): Promise<boolean> {
  const session = client as ClientBase & Session;
  const giveUp = AbortSignal.timeout(TRY_MS);
  try {
    while (session.readyForQuery !== true) {
      await cancelled(session, elsewhere, giveUp);
      if (session.readyForQuery === true) break;
      await drained(client, AbortSignal.any([giveUp, AbortSignal.timeout(CANCEL_EVERY_MS)]));
      giveUp.throwIfAborted();
    }
    return true;
  } catch {
    return false;
  }
}

/** Resolves when the server has dealt with the request. */
async function cancelled(session: Session, elsewhere: Elsewhere, signal: AbortSignal): Promise<void> {
  const { processID, secretKey, ssl } = session;
  if (typeof processID !== "number") throw new Error("the session has no id");
  if (ssl !== undefined && ssl !== false) {
    // Sleeping rejects when the signal aborts.
    await Promise.race([elsewhere(CANCEL, [processID]), sleep(TRY_MS, undefined, { signal, ref: false })]);
    return;
  }
  if (typeof secretKey !== "number") throw new Error("the session has no key");
  await requestCancel(session, [processID, secretKey], signal);
}

/** The request of the protocol. The server answers it by closing the connection, after it has told the session. */
async function requestCancel(
  { host = "localhost", port = 5432 }: Session,
  key: readonly [processId: number, secret: number],
  signal: AbortSignal,
): Promise<void> {
  const socket = connect(host.startsWith("/") ? { path: `${host}/.s.PGSQL.${port}` } : { host, port });
  try {
    const request = Buffer.alloc(16);
    for (const [index, value] of [16, CANCEL_REQUEST, ...key].entries())
      request.writeInt32BE(value, index * 4);
    socket.resume();
    const closed = once(socket, "close", { signal });
    socket.write(request);
    await closed;
  } finally {
    socket.destroy();
  }
}

/** Resolves when nothing is under way any more, or `signal` aborts. */
async function drained(client: ClientBase, signal: AbortSignal): Promise<void> {
  await once(client, "drain", { signal }).catch(() => undefined);
}

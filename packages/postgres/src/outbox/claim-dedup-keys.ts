import { WaybillError, type DedupClaim } from "@waybill/core";
import { run, type Connection, type SqlConnection } from "../connection/run.ts";
import type { OutboxStatements } from "../sql/outbox-statements.ts";

/** A key can be forgotten between the two statements; that it happens again and again is no accident any more. */
const TRIES_MAX = 10;

/**
 * The ids of the messages that have these keys, in the order of the claims: a claim's own id if it is the first.
 *
 * Two statements, because what another transaction committed while this one waited for it is seen by the next
 * statement only. Under a stricter isolation level the server refuses the first one then.
 *
 * @throws WaybillError `TRANSACTION_CONFLICT` then
 */
export async function claimDedupKeys(
  connection: Connection | SqlConnection,
  statements: OutboxStatements,
  claims: readonly DedupClaim[],
): Promise<readonly string[]> {
  const topics = claims.map(({ topic }) => topic);
  const keys = claims.map(({ dedupKey }) => dedupKey);
  const ids = claims.map(({ messageId }) => messageId);
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const first = await run(connection, statements.claimDedupKeys, [topics, keys, ids]);
    if (first.length === claims.length) return ids;
    const holders = (await run(connection, statements.dedupHolders, [topics, keys])).map(([id]) => id);
    if (holders.every((id) => typeof id === "string")) return holders;
  }
  throw new WaybillError("TRANSACTION_CONFLICT", "A dedupKey is forgotten as fast as it is claimed.");
}

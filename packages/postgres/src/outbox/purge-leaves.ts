import { WaybillError } from "@waybill/core";
import { LEAF_COUNT } from "@waybill/migrations";
import { briefly } from "../connection/briefly.ts";
import { run, type Connection } from "../connection/run.ts";
import type { Parts } from "../parts.ts";

/**
 * Empties every leaf of the outbox that is not written to now, was last written to at least `olderThanMs` ago, and
 * holds settled rows only. Locks one leaf after another, never their parent, and judges under the lock: a row of a
 * transaction that commits in between would be lost otherwise. Whoever waits for a lock waits 50 ms at most.
 *
 * @throws WaybillError `OPTIONS_INVALID` when the leaves come round again before messages are that old
 */
export async function purgeLeaves<Tx>(parts: Parts<Tx>, olderThanMs: number): Promise<number> {
  return parts.database.connected(async (connection) => {
    const leaves = await run(connection, parts.sql.purge.leaves, []);
    const leafMs = Number(leaves[0]?.[0]);
    const keptMaxMs = leafMs * (LEAF_COUNT - 2);
    if (olderThanMs > keptMaxMs) {
      const message = `Confirmed messages cannot be kept for ${olderThanMs} ms: at most ${keptMaxMs} ms with leaves of ${leafMs} ms. Ask for less, or choose wider leaves when the schema is created.`;
      throw new WaybillError("OPTIONS_INVALID", message);
    }
    let emptied = 0;
    for (const [, leaf, ageMs] of leaves) {
      if (Number(ageMs) < olderThanMs) continue;
      if (await purgeLeaf(parts, connection, Number(leaf), olderThanMs)) emptied += 1;
    }
    return emptied;
  });
}

async function purgeLeaf<Tx>(
  parts: Parts<Tx>,
  connection: Connection,
  leaf: number,
  olderThanMs: number,
): Promise<boolean> {
  const { purge } = parts.sql;
  const lock = purge.lockLeaf[leaf];
  const judge = purge.judgeLeaf[leaf];
  const truncate = purge.truncateLeaf[leaf];
  if (lock === undefined || judge === undefined || truncate === undefined) return false;
  return briefly(connection, purge, async () => {
    await run(connection, lock, []);
    const [verdict] = await run(connection, judge, [olderThanMs]);
    if (verdict?.[0] !== "t") return false;
    await run(connection, truncate, []);
    return true;
  });
}

import { run } from "../connection/run.ts";
import { briefly } from "../connection/briefly.ts";
import type { Parts } from "../parts.ts";

/**
 * Empties the leaf of the relay's progress that the newest base row is not in, in a transaction that gives up after
 * 50 ms of waiting. It is looked up again under the lock: a reader that is still in the leaf keeps its rows, and one
 * that comes later sees the newest base row, because statements take their locks before their snapshot.
 */
export async function emptyOldLeaf<Tx>(parts: Parts<Tx>): Promise<boolean> {
  const { relay } = parts.sql;
  return parts.database.connected(async (connection) => {
    const before = await run(connection, relay.oldLeaf, []);
    const leaf = Number(before[0]?.[0] ?? -1);
    const lock = relay.lockLeaf[leaf];
    const truncate = relay.truncateLeaf[leaf];
    if (lock === undefined || truncate === undefined) return false;
    return briefly(connection, parts.sql.purge, async () => {
      await run(connection, lock, []);
      const now = await run(connection, relay.oldLeaf, []);
      if (Number(now[0]?.[0] ?? -1) !== leaf) return false;
      await run(connection, truncate, []);
      return true;
    });
  });
}

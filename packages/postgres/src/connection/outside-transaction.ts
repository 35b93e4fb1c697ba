import type { ClientBase } from "pg";
import { statement } from "../sql/statement.ts";
import { run, type Connection } from "./run.ts";

const DEFAULT_LEVEL = statement("select current_setting('default_transaction_isolation')");
const AS_WE_NEED = new Set(["read committed", "read uncommitted"]);

/** By session, because roles, databases and pools can each set it. */
const strict = new WeakMap<ClientBase, boolean>();

/** A session for statements outside any transaction. It is asked once what its transactions default to. */
export async function outsideTransaction(client: ClientBase, prepare: boolean): Promise<Connection> {
  const known = strict.get(client);
  if (known !== undefined) return { client, prepare, strict: known };
  const [row] = await run({ client, prepare, strict: false }, DEFAULT_LEVEL, []);
  const found = !AS_WE_NEED.has(row?.[0] ?? "");
  strict.set(client, found);
  return { client, prepare, strict: found };
}

import type { ClientBase } from "pg";
import type { Statement } from "../sql/statement.ts";

/** Whether a connection of pg has prepared a statement; unknown, so `false`, to other drivers behind the same interface. */
export function hasPrepared(client: ClientBase, { name, text }: Statement): boolean {
  const { connection } = client as ClientBase & {
    readonly connection?: { readonly parsedStatements?: Readonly<Record<string, string>> };
  };
  return connection?.parsedStatements?.[name] === text;
}

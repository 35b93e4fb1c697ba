import type { ClientBase } from "pg";
import type { Statement } from "../sql/statement.ts";

/** What pg's client knows of its session; checked against pg 8.23. */
interface Session {
  readonly connection?: {
    readonly parsedStatements?: Record<string, string>;
    once(event: "readyForQuery", listener: () => void): void;
    on(event: "parseComplete", listener: () => void): void;
    off(event: "parseComplete", listener: () => void): void;
  };
  /** Queries go out before the ones before them were answered; pg then takes none but its own. */
  readonly pipeline?: boolean;
}

/** Whether it is pg's own client, in the mode in which it takes other queries than its own. */
export function takesOwnQueries(client: ClientBase): boolean {
  const { connection, pipeline } = client as ClientBase & Session;
  return connection?.parsedStatements !== undefined && pipeline !== true;
}

/** Whether a connection of pg has prepared a statement; unknown, so `false`, to other drivers behind the same interface. */
export function hasPrepared(client: ClientBase, { name, text }: Statement): boolean {
  const { connection } = client as ClientBase & Session;
  return connection?.parsedStatements?.[name] === text;
}

/** Notes which of `statements`, sent now to be prepared in this order, the server did prepare. */
export function notePrepared(client: ClientBase, statements: readonly Statement[]): void {
  const { connection } = client as ClientBase & Session;
  if (connection?.parsedStatements === undefined) return;
  const known = connection.parsedStatements;
  const waiting = statements.values();
  const onParsed = (): void => {
    const { value } = waiting.next();
    if (value !== undefined) known[value.name] = value.text;
  };
  connection.on("parseComplete", onParsed);
  connection.once("readyForQuery", () => connection.off("parseComplete", onParsed));
}

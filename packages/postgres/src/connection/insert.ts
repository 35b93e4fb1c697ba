import type { Connection as Wire, Submittable } from "pg";
import type { Statement } from "../sql/statement.ts";
import { statementError } from "./driver-error.ts";
import { hasPrepared, takesOwnQueries } from "./prepared.ts";
import { run, type Connection, type SqlConnection, type Value } from "./run.ts";

/** What a lean INSERT takes: text, or bytes. */
export type LeanValue = string | Buffer | null;

/** Runs an INSERT. @throws WaybillError like `run` */
export async function insert(
  connection: Connection | SqlConnection,
  statement: Statement,
  values: readonly Value[],
): Promise<void> {
  await run(connection, statement, values);
}

/**
 * Runs an INSERT in an open transaction, as cheaply as the connection can: where it has prepared the statement, the
 * server is not asked to describe rows that there are not, and no query is made out of options. Together that is 4 % of
 * a small transaction.
 *
 * @throws WaybillError like `run`
 */
export function leanInsert(
  connection: Connection | SqlConnection,
  statement: Statement,
  values: readonly LeanValue[],
): Promise<void> {
  if ("sql" in connection) return insert(connection, statement, values);
  const { client } = connection;
  if (!takesOwnQueries(client) || !hasPrepared(client, statement))
    return insert(connection, statement, values);
  return new Promise((resolve, reject) => {
    client.query(
      new LeanInsert(statement, values, (error) => {
        if (error === null) resolve();
        else reject(statementError(error));
      }),
    );
  });
}

/** The part of pg's connection that its own cursor uses, too; checked against pg 8.23. */
interface ExtendedQuery extends Omit<Wire, "bind" | "execute"> {
  bind(config: { readonly statement: string; readonly values: readonly LeanValue[] }): void;
  execute(config: null): void;
}

/** What pg's client calls while a query is the one that the server answers. */
class LeanInsert implements Submittable {
  readonly name: string;
  readonly text: string;
  readonly #values: readonly LeanValue[];
  /** Not private: with a `query_timeout`, pg puts its own in front. */
  callback: (error: Error | null) => void;

  constructor(
    { name, text }: Statement,
    values: readonly LeanValue[],
    callback: (error: Error | null) => void,
  ) {
    this.name = name;
    this.text = text;
    this.#values = values;
    this.callback = callback;
  }

  submit(wire: Wire): void {
    const connection = wire as unknown as ExtendedQuery;
    connection.stream.cork();
    connection.bind({ statement: this.name, values: this.#values });
    connection.execute(null);
    connection.sync();
    connection.stream.uncork();
  }

  handleError(error: Error): void {
    this.callback(error);
  }

  handleReadyForQuery(): void {
    this.callback(null);
  }

  handleCommandComplete(): void {
    // How many rows were inserted is known.
  }
}

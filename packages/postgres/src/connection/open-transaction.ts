import type { ClientBase, Connection as Wire, Submittable } from "pg";
import { statement, type Statement } from "../sql/statement.ts";
import { isConnectionError, statementError, unavailable } from "./driver-error.ts";
import { hasPrepared } from "./prepared.ts";
import { run, type Row, type Value } from "./run.ts";

/** The first statement of a transaction. */
export interface First {
  readonly statement: Statement;
  readonly values: readonly Value[];
}

/** Under this name an opened transaction has its savepoint. */
export const OPENED = "waybill_opened";

const BEGIN = statement("begin isolation level read committed");
const SAVEPOINT = statement(`savepoint ${OPENED}`);

/**
 * Begins a transaction at READ COMMITTED, runs its first statement and sets the savepoint `OPENED`: in one round trip
 * where the connection has prepared all three. Answers the rows of the statement.
 *
 * @throws WaybillError like `run`; the transaction may be open then
 */
export async function openTransaction(
  client: ClientBase,
  prepare: boolean,
  first: First,
): Promise<readonly Row[]> {
  const fast = prepare && [BEGIN, first.statement, SAVEPOINT].every((one) => hasPrepared(client, one));
  if (fast) return atOnce(client, first);
  const connection = { client, prepare, strict: false };
  await run(connection, BEGIN, []);
  const rows = await run(connection, first.statement, first.values);
  await run(connection, SAVEPOINT, []);
  return rows;
}

function atOnce(client: ClientBase, first: First): Promise<readonly Row[]> {
  return new Promise((resolve, reject) => {
    client.query(
      new Opening(first, (error, rows) => {
        if (error === null) resolve(rows);
        else reject(isConnectionError(error) ? unavailable(error) : statementError(error));
      }),
    );
  });
}

/** The part of pg's connection that its own cursor uses, too; checked against pg 8.23. */
interface ExtendedQuery extends Omit<Wire, "bind" | "execute"> {
  bind(config: { readonly statement: string; readonly values: readonly (string | Buffer | null)[] }): void;
  execute(config: null): void;
}

/**
 * What pg's client calls while the server answers. With one Sync for all three, they are one query to the client; the
 * first that fails makes the server skip the others.
 */
class Opening implements Submittable {
  readonly #first: First;
  readonly #rows: Row[] = [];
  /** Not private: with a `query_timeout`, pg puts its own in front. */
  callback: (error: Error | null, rows: readonly Row[]) => void;

  constructor(first: First, callback: (error: Error | null, rows: readonly Row[]) => void) {
    this.#first = first;
    this.callback = callback;
  }

  submit(wire: Wire): void {
    const connection = wire as unknown as ExtendedQuery;
    const { statement: own, values } = this.#first;
    connection.stream.cork();
    connection.bind({ statement: BEGIN.name, values: [] });
    connection.execute(null);
    connection.bind({ statement: own.name, values: values.map(asParameter) });
    connection.execute(null);
    connection.bind({ statement: SAVEPOINT.name, values: [] });
    connection.execute(null);
    connection.sync();
    connection.stream.uncork();
  }

  handleDataRow({ fields }: { readonly fields: Row }): void {
    this.#rows.push(fields);
  }

  handleError(error: Error): void {
    this.callback(error, []);
  }

  handleReadyForQuery(): void {
    this.callback(null, this.#rows);
  }

  handleCommandComplete(): void {
    // The rows say it.
  }
}

function asParameter(value: Value): string | Buffer | null {
  if (value === null || typeof value === "string" || Buffer.isBuffer(value)) return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  throw new TypeError("a first statement takes no arrays");
}

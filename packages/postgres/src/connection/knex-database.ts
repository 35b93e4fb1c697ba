import { WaybillError, type Cancellation } from "@waybill/core";
import { untilAborted } from "@waybill/core/internal";
import type { Knex } from "knex";
import type { Client } from "pg";
import { commitUnknown, rolledBackInstead } from "./commit.ts";
import type { Database } from "./database.ts";
import { destroyConnection } from "./destroy-connection.ts";
import { isConnectionError, unavailable } from "./driver-error.ts";
import { outsideTransaction } from "./outside-transaction.ts";
import { hadBack } from "./have-back.ts";
import { Loss } from "./loss.ts";
import { run, type Connection } from "./run.ts";

/** Under this name knex marks connections that it must not use again. */
const DISPOSED = "__knex__disposed";

/** Why a connection that is sound must serve nobody else: the handler that had it may go on using it. */
const PAST_DEADLINE = "used past a deadline";

/** A raw connection of knex. knex itself marks broken ones, and drops them when it is given them back. */
type RawClient = Client & { [DISPOSED]?: unknown };

/** The part of knex's client that knex documents for drivers only; checked against knex 3.3. */
interface KnexClient {
  readonly dialect: string;
  readonly pool?: { readonly max?: number };
  acquireConnection(): Promise<RawClient>;
  releaseConnection(connection: RawClient): Promise<void>;
}

/**
 * Connections and transactions of knex. Never destroys it.
 *
 * @throws WaybillError `OPTIONS_INVALID` when it is a transaction, or not on PostgreSQL
 */
export function knexDatabase(knex: Knex, prepare: boolean): Database<Knex.Transaction> {
  const knexClient = clientOf(knex);
  if (knex.isTransaction === true || knexClient.dialect !== "postgresql") {
    throw new WaybillError(
      "OPTIONS_INVALID",
      "postgresStorage: knex must be an instance on PostgreSQL, not a transaction.",
    );
  }
  return {
    name: "postgres (knex)",
    connectionsMax: knexClient.pool?.max ?? 1,
    connected: (work) => connected(knexClient, prepare, work),
    async reserve() {
      const client = await acquire(knexClient);
      const giveBack = async (sound: boolean): Promise<void> => {
        if (!sound) client[DISPOSED] ??= "given back broken by Waybill";
        await knexClient.releaseConnection(client);
      };
      return { connection: { client, prepare, strict: false }, giveBack };
    },
    assertTransaction: assertKnexTransaction,
    async connectionOf(tx) {
      assertKnexTransaction(tx);
      const client = await clientOf(tx).acquireConnection();
      if (client.getTransactionStatus() === "T") return { client, prepare, strict: false };
      throw notOpen("its connection has none, or it has failed and can only be rolled back");
    },
    transaction: (work, signal) => transaction(knex, work, signal),
    opened: (first, work, { signal } = {}) =>
      transaction(
        knex,
        async (tx) => {
          const client = await clientOf(tx).acquireConnection();
          const { statement, values } = first.whole();
          const rows = await run({ client, prepare, strict: false }, statement, values);
          return work(tx, rows);
        },
        signal,
      ),
    savepoint: (tx, work, signal) => savepoint(knex, tx, work, signal),
    afterCommit,
  };
}

async function connected<T>(
  knexClient: KnexClient,
  prepare: boolean,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const client = await acquire(knexClient);
  try {
    return await work(await outsideTransaction(client, prepare));
  } catch (error) {
    if (isConnectionError(error)) client[DISPOSED] ??= error;
    throw error;
  } finally {
    if (client.getTransactionStatus() !== "I") client[DISPOSED] ??= "left in a transaction";
    await knexClient.releaseConnection(client);
  }
}

async function transaction<T>(
  knex: Knex,
  work: (tx: Knex.Transaction) => Promise<T>,
  signal: Cancellation | undefined,
): Promise<T> {
  const state = { begun: false, worked: false, committed: false, lostBefore: undefined as unknown };
  const failure: { error?: unknown } = {};
  let result: T | undefined;
  try {
    await knex.transaction(
      async (tx) => {
        // knex calls back also when BEGIN failed.
        if (tx.isCompleted()) return;
        state.begun = true;
        const client = await clientOf(tx).acquireConnection();
        onCommit(tx, client, () => (state.committed = true));
        const giveUp = (): void => {
          client[DISPOSED] ??= "given up by Waybill";
          destroyConnection(client, elsewhere(knex));
        };
        const loss = new Loss();
        losses.set(tx, loss);
        const orAborted = (): Promise<T> => untilAborted(() => work(tx), signal, giveUp);
        result = await untilAborted(orAborted, loss, giveUp).catch((error: unknown) => {
          failure.error = error;
          throw error;
        });
        state.worked = true;
        state.lostBefore = client[DISPOSED] === PAST_DEADLINE ? undefined : client[DISPOSED];
      },
      { isolationLevel: "read committed" },
    );
  } catch (error) {
    if (!state.begun) throw unavailable(error);
    // knex gives the error of a ROLLBACK that failed, too, instead.
    if ("error" in failure) throw failure.error;
    if (!state.worked || !isConnectionError(error)) throw error;
    throw state.lostBefore === undefined ? commitUnknown(error) : unavailable(error);
  }
  if (!state.committed) throw rolledBackInstead();
  return result as T;
}

/** Of the transactions that were begun here. */
const losses = new WeakMap<Knex.Transaction, Loss>();

async function savepoint<T>(
  knex: Knex,
  tx: Knex.Transaction,
  work: (tx: Knex.Transaction) => Promise<T>,
  signal: Cancellation | undefined,
): Promise<T> {
  const loss = losses.get(outermost(tx));
  if (signal === undefined || loss === undefined) return tx.transaction((nested) => work(nested));
  const client = await clientOf(tx).acquireConnection();
  return tx.transaction(async (nested) => {
    try {
      return await untilAborted(
        () => work(nested),
        signal,
        () => (client[DISPOSED] ??= PAST_DEADLINE),
      );
    } catch (error) {
      if (client[DISPOSED] === PAST_DEADLINE && !(await hadBack(client, elsewhere(knex)))) {
        loss.abort(error);
        await new Promise(() => undefined);
      }
      throw error;
    }
  });
}

function elsewhere(knex: Knex): (text: string, values: readonly number[]) => Promise<unknown> {
  return async (text, [pid]) => knex.raw(text.replace("$1", "?"), [pid ?? 0]);
}

/**
 * knex resolves a transaction's promise also after a rollback, and after a COMMIT that the server answered with ROLLBACK
 * because a statement had failed. So what counts is the server's last answer.
 */
function onCommit(tx: Knex.Transaction, client: RawClient, action: () => void): void {
  let answer: string | undefined;
  const onComplete = (message: { readonly text?: string }): void => {
    answer = message.text;
  };
  client.connection.on("commandComplete", onComplete);
  const ended = (): void => void client.connection.off("commandComplete", onComplete);
  tx.executionPromise.then(() => {
    ended();
    if (answer === "COMMIT") action();
  }, ended);
}

const committing = new WeakMap<Knex.Transaction, Set<() => void>>();

/** One listener per transaction, however much it sends; the same action is called once. */
function afterCommit(tx: Knex.Transaction, action: () => void): void {
  const outer = outermost(tx);
  const known = committing.get(outer);
  if (known !== undefined) return void known.add(action);
  const actions = new Set([action]);
  committing.set(outer, actions);
  void clientOf(outer)
    .acquireConnection()
    .then((client) => {
      onCommit(outer, client, () => {
        for (const one of actions) one();
      });
    });
}

function outermost(tx: Knex.Transaction): Knex.Transaction {
  let outer: Knex.Transaction & { readonly parentTransaction?: Knex.Transaction } = tx;
  while (outer.parentTransaction !== undefined) outer = outer.parentTransaction;
  return outer;
}

function assertKnexTransaction(tx: Knex.Transaction): void {
  const given = tx as Partial<Knex.Transaction> | null | undefined;
  if (given?.isTransaction !== true || given.isCompleted === undefined)
    throw notOpen("it is no knex transaction");
  if (given.isCompleted()) throw notOpen("it has been committed or rolled back");
}

function notOpen(why: string): WaybillError {
  return new WaybillError(
    "NOT_IN_TRANSACTION",
    `No open transaction was given: ${why}. Pass the tx of knex.transaction(async (tx) => …).`,
  );
}

function clientOf(knex: Knex): KnexClient {
  return knex.client as KnexClient;
}

async function acquire(knexClient: KnexClient): Promise<RawClient> {
  try {
    return await knexClient.acquireConnection();
  } catch (error) {
    throw unavailable(error);
  }
}

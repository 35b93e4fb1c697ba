import { randomBytes } from "node:crypto";
import { Client } from "pg";
import { waitFor } from "../process/wait-for.ts";

export interface CreateDatabaseOptions {
  /** An existing database without sessions to copy, such as one with the tables in place. Default: an empty one. */
  readonly template?: string;
}

export interface Database extends AsyncDisposable {
  readonly name: string;
  readonly url: string;
  /** Ends the sessions that are left and drops the database. Can be called twice. */
  drop(): Promise<void>;
  /** Rejects, naming them, if sessions are still open after a moment: somebody did not close a pool. */
  assertNoSessions(): Promise<void>;
}

const sessionsDeadlineMs = 2_000;

/** A new database with a name of its own inside `server`; takes about 30 ms. */
export async function createDatabase(
  server: { readonly url: string },
  options: CreateDatabaseOptions = {},
): Promise<Database> {
  const name = `waybill_${randomBytes(6).toString("hex")}`;
  const template = options.template ?? "template0";
  await onServer(server.url, async (client) => {
    await client.query(
      `CREATE DATABASE ${client.escapeIdentifier(name)} TEMPLATE ${client.escapeIdentifier(template)}`,
    );
  });
  const drop = (): Promise<void> =>
    onServer(server.url, async (client) => {
      await client.query(`DROP DATABASE IF EXISTS ${client.escapeIdentifier(name)} WITH (FORCE)`);
    });
  return {
    name,
    url: urlOf(server.url, name),
    drop,
    assertNoSessions: () => onServer(server.url, (client) => assertNoSessions(client, name)),
    [Symbol.asyncDispose]: drop,
  };
}

const openSessions = `
  SELECT concat_ws(' ', pid, application_name, state, left(query, 80)) AS session
  FROM pg_stat_activity
  WHERE datname = $1 AND backend_type = 'client backend'`;

async function assertNoSessions(client: Client, name: string): Promise<void> {
  let sessions: string[] = [];
  const none = async (): Promise<boolean> => {
    const { rows } = await client.query<{ session: string }>(openSessions, [name]);
    sessions = rows.map((row) => row.session);
    return sessions.length === 0;
  };
  const describe = (): string => `these sessions to be closed:\n${sessions.join("\n")}`;
  await waitFor(none, { deadlineMs: sessionsDeadlineMs, describe });
}

async function onServer<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

function urlOf(serverUrl: string, name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

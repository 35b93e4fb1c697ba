import { migrate } from "@waybill/postgres";
import { startPostgres, waitFor, type PostgresServer } from "@waybill/services";
import { Client, Pool } from "pg";

/** Transaction ids that are given and, in a crash right afterwards, given again. */
const XIDS = 60;
const CONNECTIONS = 6;

/** A server that can lose its memory while what it wrote to disk stays, and the outbox of source `notes` on it. */
export interface CrashingServer extends AsyncDisposable {
  readonly pool: Pool;
  /**
   * Uses up transaction ids without a trace on disk, in a transaction that is open until the crash: from now on
   * snapshots begin after ids that a crash makes free again.
   */
  useXids(): Promise<void>;
  /** As when the kernel kills one backend for want of memory: the postmaster ends all others and recovers. */
  killBackend(): Promise<void>;
  /** As after a power cut. */
  restart(): Promise<void>;
}

export async function crashingServer(): Promise<CrashingServer> {
  // Nothing is flushed but what commits: no background snapshots in the log, and a writer that hardly wakes up.
  const settings = {
    wal_level: "minimal",
    max_wal_senders: "0",
    wal_writer_delay: "10000ms",
    autovacuum: "off",
  };
  const server = await startPostgres({ embedded: true, fsync: false, settings });
  await migrate({ connectionString: server.url }, { source: "notes" });
  const pool = new Pool({ connectionString: server.url, max: CONNECTIONS });
  pool.on("error", () => undefined);
  await pool.query("create unlogged table used (n integer)");
  const recovered = (): Promise<boolean> =>
    waitFor(() => connectAnew(pool), { deadlineMs: 20_000, describe: "recovery" });
  return {
    pool,
    useXids: () => useXids(server),
    async killBackend() {
      await killBackend(server);
      await recovered();
    },
    async restart() {
      await server.restart("crash");
      await recovered();
    },
    async [Symbol.asyncDispose]() {
      await pool.end();
      await server.stop();
    },
  };
}

async function useXids(server: PostgresServer): Promise<void> {
  const client = await connected(server);
  await client.query("begin");
  await client.query(`do $$ begin
    for n in 1..${XIDS} loop
      begin
        insert into used values (n);
        raise exception 'undone';
      exception when raise_exception then null;
      end;
    end loop;
  end $$`);
}

async function killBackend(server: PostgresServer): Promise<void> {
  const victim = await connected(server);
  const { rows } = await victim.query<{ pid: number }>("select pg_backend_pid() as pid");
  const witness = await connected(server);
  const ended = new Promise<void>((resolve) => witness.once("end", resolve));
  process.kill(rows[0]?.pid ?? -1, "SIGKILL");
  await ended;
}

/**
 * Replaces every connection that the crash broke, so that nobody learns of the crash by an error. Uses up the id of the
 * transaction that was open in it, which snapshots from before name as running.
 */
async function connectAnew(pool: Pool): Promise<boolean> {
  const all = Array.from({ length: CONNECTIONS }, () => pool.query("select pg_current_xact_id()"));
  const outcomes = await Promise.allSettled(all);
  return outcomes.every(({ status }) => status === "fulfilled");
}

/** A connection that the crash ends. */
async function connected(server: PostgresServer): Promise<Client> {
  const client = new Client({ connectionString: server.url });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

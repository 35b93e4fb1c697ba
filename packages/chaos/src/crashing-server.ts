import { migrate } from "@waybill/postgres";
import { startPostgres, waitFor, type PostgresServer } from "@waybill/services";
import { Client, Pool } from "pg";

/** Transaction ids that are given and, in a crash right afterwards, given again. */
const XIDS = 60;

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
  /** The transaction id that would be given next. */
  nextXid(): Promise<bigint>;
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
  const pool = new Pool({ connectionString: server.url, max: 6 });
  pool.on("error", () => undefined);
  await pool.query("create unlogged table used (n integer)");
  const nextXid = async (): Promise<bigint> => {
    const { rows } = await pool.query<{ xid: string }>(
      "select pg_snapshot_xmax(pg_current_snapshot()) as xid",
    );
    return BigInt(rows[0]?.xid ?? 0);
  };
  return {
    pool,
    useXids: () => useXids(server),
    killBackend: () => killBackend(server),
    restart: () => server.restart("crash"),
    nextXid,
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
  const ended = new Promise<void>((resolve) => victim.once("end", resolve));
  process.kill(rows[0]?.pid ?? -1, "SIGKILL");
  await ended;
  const again = async (): Promise<boolean> => {
    const client = await connected(server);
    await client.end();
    return true;
  };
  await waitFor(again, { deadlineMs: 20_000, describe: "the server to recover" });
}

/** A connection that the crash ends. */
async function connected(server: PostgresServer): Promise<Client> {
  const client = new Client({ connectionString: server.url });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

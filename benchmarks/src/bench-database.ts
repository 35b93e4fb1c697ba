import { migrate } from "@waybill/postgres";
import { createDatabase, startPostgres } from "@waybill/services";
import { Pool } from "pg";

/** A real, durable PostgreSQL (fsync on) with Waybill's tables, as long as a benchmark runs. */
export interface BenchDatabase extends AsyncDisposable {
  readonly url: string;
  readonly pool: Pool;
}

export async function benchDatabase(connections: number): Promise<BenchDatabase> {
  const server = await startPostgres({
    fsync: true,
    settings: { shared_buffers: "512MB", max_wal_size: "8GB", autovacuum: "off" },
  });
  const database = await createDatabase(server);
  await migrate({ connectionString: database.url }, { source: "bench" });
  const pool = new Pool({ connectionString: database.url, max: connections });
  return {
    url: database.url,
    pool,
    async [Symbol.asyncDispose]() {
      await pool.end();
      await database.drop();
      await server.stop();
    },
  };
}

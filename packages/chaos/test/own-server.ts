import { migrate } from "@waybill/postgres";
import { createDatabase, startPostgres, type PostgresServer } from "@waybill/services";
import { Pool } from "pg";
import { afterAll, beforeAll } from "vitest";
import { LEDGER_TABLES } from "../src/index.ts";

/** A server of the file's own, to be restarted and crashed, with the business tables and Waybill's. */
export function ownServer(): {
  readonly url: () => string;
  readonly pool: () => Pool;
  readonly restart: PostgresServer["restart"];
} {
  let server: PostgresServer | undefined;
  let pool: Pool | undefined;
  let url = "";
  beforeAll(async () => {
    server = await startPostgres({ embedded: true });
    ({ url } = await createDatabase(server));
    await migrate({ connectionString: url }, { source: "notes" });
    pool = new Pool({ connectionString: url, max: 12 });
    pool.on("error", () => undefined);
    await pool.query(LEDGER_TABLES);
  });
  afterAll(async () => {
    await pool?.end();
    await server?.stop();
  });
  const there = <T>(thing: T | undefined): T => {
    if (thing === undefined) throw new Error("the server is there inside hooks and tests only");
    return thing;
  };
  return { url: () => url, pool: () => there(pool), restart: (mode) => there(server).restart(mode) };
}

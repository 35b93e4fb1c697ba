import { createDeadLetters, type DeadLetters } from "@waybill/core";
import { postgresStorage } from "@waybill/postgres";
import { Pool } from "pg";

/** Where the dead letters are. */
export interface DatabaseOptions {
  readonly databaseUrl: string;
  readonly schema: string;
}

/** Runs a command on the dead letters of a database, on one connection of its own. */
export async function withDeadLetters<T>(
  { databaseUrl, schema }: DatabaseOptions,
  work: (deadLetters: DeadLetters) => Promise<T>,
): Promise<T> {
  const pool = new Pool({ connectionString: databaseUrl, max: 1 });
  pool.on("error", () => undefined);
  try {
    return await work(createDeadLetters({ storage: postgresStorage({ pool, schema }) }));
  } finally {
    await pool.end();
  }
}

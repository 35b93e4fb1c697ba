import type { TestProject } from "vitest/node";
import { startPostgres, type PostgresServer } from "../postgres/start-postgres.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The PostgreSQL server that all test files of a run share. */
    postgresUrl: string;
  }
}

/** Shared by the test projects of one run; each of them loads this module for itself. */
interface Shared {
  server: Promise<PostgresServer> | undefined;
  users: number;
}

const key = Symbol.for("waybill.services.postgres");
const holder = globalThis as unknown as Record<symbol, Shared | undefined>;
const shared = (holder[key] ??= { server: undefined, users: 0 });

/** Starts one PostgreSQL server for the integration and end-to-end tests of a run. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  shared.users += 1;
  shared.server ??= startPostgres({ fsync: false });
  const server = await shared.server;
  project.provide("postgresUrl", server.url);
  return async () => {
    shared.users -= 1;
    if (shared.users > 0) return;
    shared.server = undefined;
    await server.stop();
  };
}

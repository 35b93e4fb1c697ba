import type { TestProject } from "vitest/node";
import { startPostgres, type PostgresServer } from "../postgres/start-postgres.ts";
import { ownSharedServers, type SharedServers } from "./shared-servers.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The PostgreSQL server that all test files of a run share. */
    postgresUrl: string;
    /** Where test files ask for the brokers that they share; see `askShared`. */
    sharedServers: string;
  }
}

/** Shared by the test projects of one run; each of them loads this module for itself. */
interface Shared {
  postgres: Promise<PostgresServer>;
  others: Promise<SharedServers>;
  users: number;
}

const key = Symbol.for("waybill.services.shared");
const holder = globalThis as unknown as Record<symbol, Shared | undefined>;

/** Starts one PostgreSQL server for the integration and end-to-end tests of a run; brokers start when a test asks. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const shared = (holder[key] ??= {
    postgres: startPostgres({ fsync: false }),
    others: ownSharedServers(),
    users: 0,
  });
  shared.users += 1;
  const [postgres, others] = await Promise.all([shared.postgres, shared.others]);
  project.provide("postgresUrl", postgres.url);
  project.provide("sharedServers", others.socketPath);
  return async () => {
    shared.users -= 1;
    if (shared.users > 0) return;
    holder[key] = undefined;
    await Promise.all([postgres.stop(), others[Symbol.asyncDispose]()]);
  };
}

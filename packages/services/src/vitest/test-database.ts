import { afterAll, beforeAll, inject } from "vitest";
import { createDatabase, type CreateDatabaseOptions, type Database } from "../postgres/create-database.ts";

export interface TestDatabaseOptions extends CreateDatabaseOptions {
  /** Fills the new database before the first test, for instance with Waybill's tables. */
  readonly prepare?: (url: string) => Promise<void>;
}

export interface TestDatabase {
  /** Can be read inside hooks and tests of the file, not while it is being loaded. */
  readonly url: string;
  readonly name: string;
}

/**
 * A database of its own for the test file or `describe` block that calls it, dropped after its last test. Fails
 * the suite if a session is still open then: a pool was not closed.
 */
export function testDatabase(options: TestDatabaseOptions = {}): TestDatabase {
  let database: Database | undefined;
  beforeAll(async () => {
    database = await createDatabase({ url: inject("postgresUrl") }, options);
    await options.prepare?.(database.url);
  });
  afterAll(async () => {
    try {
      await database?.assertNoSessions();
    } finally {
      await database?.drop();
    }
  });
  const opened = (): Database => {
    if (!database)
      throw new Error("testDatabase: read it inside a hook or a test, not while the file is loaded");
    return database;
  };
  return {
    get url() {
      return opened().url;
    },
    get name() {
      return opened().name;
    },
  };
}

import { describeStorage } from "@waybill/conformance";
import type { Storage } from "@waybill/core";
import { testDatabase } from "@waybill/services/vitest";
import { knex as makeKnex } from "knex";
import { Pool } from "pg";
import { migrate, postgresStorage } from "../src/index.ts";
import { SOURCE } from "./support/test-storage.ts";

const database = testDatabase();
const connectionsMax = 8;
let schemas = 0;

/** Each test has a schema of its own. */
async function newSchema(): Promise<string> {
  schemas += 1;
  const schema = `storage_${schemas}`;
  await migrate({ connectionString: database.url }, { source: SOURCE, schema });
  return schema;
}

function bed<Tx>(storage: Storage<Tx>, end: () => Promise<void>) {
  return { storage, source: SOURCE, dispose: async () => (await storage[Symbol.asyncDispose](), end()) };
}

describeStorage("postgres with pg", {
  async create() {
    const schema = await newSchema();
    const pool = new Pool({ connectionString: database.url, max: connectionsMax });
    return bed(postgresStorage({ pool, schema }), () => pool.end());
  },
});

describeStorage("postgres with knex", {
  async create() {
    const schema = await newSchema();
    const knex = makeKnex({ client: "pg", connection: database.url, pool: { min: 0, max: connectionsMax } });
    return bed(postgresStorage({ knex, schema }), () => knex.destroy());
  },
});

import { createWaybill, memoryBroker, type Waybill, type WaybillEvent } from "@waybill/core";
import { migrate, postgresStorage } from "@waybill/postgres";
import { testDatabase, type TestDatabase } from "@waybill/services/vitest";
import makeKnex, { type Knex } from "knex";
import { onTestFinished } from "vitest";

/** A database with Waybill's tables and those that the guides' code writes to. */
export function guideDatabase(tables: readonly string[]): TestDatabase {
  return testDatabase({
    prepare: async (connectionString) => {
      await migrate({ connectionString }, { source: "orders" });
      const knex = makeKnex({ client: "pg", connection: connectionString });
      for (const table of tables) await knex.raw(table);
      await knex.destroy();
    },
  });
}

export interface GuideBed {
  readonly knex: Knex;
  readonly waybill: Waybill<Knex.Transaction>;
  readonly events: WaybillEvent[];
  /** The rows of a statement. */
  readonly rows: <Row = Record<string, unknown>>(sql: string) => Promise<Row[]>;
}

/** A service on the database; `setup` registers what the guide shows, then it starts. */
export async function guideBed(
  database: TestDatabase,
  setup: (waybill: Waybill<Knex.Transaction>) => void = () => undefined,
): Promise<GuideBed> {
  const knex = connectTo(database);
  const events: WaybillEvent[] = [];
  const waybill = createWaybill({
    source: "orders",
    storage: postgresStorage({ knex }),
    broker: memoryBroker(),
    onEvent: (event) => events.push(event),
  });
  setup(waybill);
  onTestFinished(() => waybill.stop());
  await waybill.start();
  const rows = async <Row>(sql: string): Promise<Row[]> => (await knex.raw<{ rows: Row[] }>(sql)).rows;
  return { knex, waybill, events, rows };
}

/** Connections that end with the test, after what was started on them. */
export function connectTo(database: TestDatabase): Knex {
  const knex = makeKnex({ client: "pg", connection: database.url, pool: { min: 0, max: 8 } });
  onTestFinished(() => knex.destroy());
  return knex;
}

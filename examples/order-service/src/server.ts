// The HTTP process: writes orders and messages into PostgreSQL, and needs nothing else.
import { createWaybill } from "@waybill/core";
import { postgresStorage } from "@waybill/postgres";
import { readConfig } from "./config.ts";
import { createApp } from "./http/create-app.ts";
import { openDatabase } from "./open-database.ts";
import { SOURCE } from "./source.ts";
import { stopSignal } from "./stop-signal.ts";

const config = readConfig();
const stopped = stopSignal();
const knex = openDatabase(config.databaseUrl, 10);
const waybill = createWaybill({ source: SOURCE, storage: postgresStorage({ knex }) });
const app = createApp(knex, waybill);
try {
  await waybill.start({ relay: false, consumers: false }); // Checks that the database is there and migrated.
  const address = await app.listen({ host: "127.0.0.1", port: config.port });
  console.log(JSON.stringify({ event: "ready", address }));
  await stopped;
} finally {
  await app.close();
  await waybill.stop();
  await knex.destroy();
}

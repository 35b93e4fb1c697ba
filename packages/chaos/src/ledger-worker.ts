import { nativeBroker } from "@waybill/broker";
import { createWaybill, describeEvent, type Storage } from "@waybill/core";
import { postgresStorage } from "@waybill/postgres";
import makeKnex from "knex";
import { Pool } from "pg";
import { applyNote } from "./apply-note.ts";
import { Noted } from "./noted.ts";
import type { AnyTransaction } from "./run-in.ts";

/** A worker process: relay, embedded broker, and a group whose effects would show every repetition. */
const { DATABASE_URL, DATA_DIR, DRIVER = "pg" } = process.env;
if (DATABASE_URL === undefined || DATA_DIR === undefined) throw new Error("set DATABASE_URL and DATA_DIR");

interface Connected {
  readonly storage: Storage<AnyTransaction>;
  readonly end: () => Promise<void>;
}

function onPool(connectionString: string): Connected {
  const pool = new Pool({ connectionString, max: 12 });
  return { storage: postgresStorage({ pool }) as Storage<AnyTransaction>, end: () => pool.end() };
}

function onKnex(connection: string): Connected {
  const knex = makeKnex({ client: "pg", connection, pool: { min: 0, max: 12 } });
  return { storage: postgresStorage({ knex }) as Storage<AnyTransaction>, end: () => knex.destroy() };
}

const { storage, end } = DRIVER === "knex" ? onKnex(DATABASE_URL) : onPool(DATABASE_URL);
const waybill = createWaybill({
  source: "notes",
  storage,
  broker: nativeBroker({ dataDir: DATA_DIR }),
  relay: { leaseMs: 500 },
  onEvent: (event) => {
    if (event.level !== "debug") console.log(JSON.stringify({ event: event.type, ...describeEvent(event) }));
  },
});

waybill.consumer("ledger").on(Noted, (note, { tx }) => applyNote(tx, note));

await waybill.start();
console.log(JSON.stringify({ event: "ready" }));

process.once("SIGTERM", () => {
  void waybill
    .stop()
    .then(end)
    .then(() => process.exit(0));
});

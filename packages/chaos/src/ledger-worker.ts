import { nativeBroker } from "@waybill/broker";
import { createWaybill, describeEvent } from "@waybill/core";
import { postgresStorage } from "@waybill/postgres";
import { Pool } from "pg";
import { applyNote } from "./apply-note.ts";
import { Noted } from "./noted.ts";

/** A worker process: relay, embedded broker, and a group whose effects would show every repetition. */
const { DATABASE_URL, DATA_DIR } = process.env;
if (DATABASE_URL === undefined || DATA_DIR === undefined) throw new Error("set DATABASE_URL and DATA_DIR");

const pool = new Pool({ connectionString: DATABASE_URL, max: 12 });
const waybill = createWaybill({
  source: "notes",
  storage: postgresStorage({ pool }),
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
    .then(() => pool.end())
    .then(() => process.exit(0));
});

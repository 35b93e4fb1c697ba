import { nativeBroker } from "@waybill/broker";
import { createWaybill, describeEvent } from "@waybill/core";
import { postgresStorage } from "@waybill/postgres";
import { Pool } from "pg";
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

waybill.consumer("ledger").on(Noted, async ({ key, no }, { tx }) => {
  await tx.query("insert into effect (key, no, worker) values ($1, $2, $3)", [key, no, String(process.pid)]);
  await tx.query(
    "insert into total values ($1, 1) on conflict (key) do update set effects = total.effects + 1",
    [key],
  );
});

await waybill.start();
console.log(JSON.stringify({ event: "ready" }));

process.once("SIGTERM", () => {
  void waybill
    .stop()
    .then(() => pool.end())
    .then(() => process.exit(0));
});

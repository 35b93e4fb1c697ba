import { createWaybill, describeEvent } from "@waybill/core";
import { postgresStorage } from "@waybill/postgres";
import { Pool } from "pg";
import { tableBroker } from "./table-broker.ts";

/** A process that runs a relay and nothing else, on the table broker. */
const { DATABASE_URL } = process.env;
if (DATABASE_URL === undefined) throw new Error("set DATABASE_URL");

const pool = new Pool({ connectionString: DATABASE_URL, max: 5 });
const waybill = createWaybill({
  source: "notes",
  storage: postgresStorage({ pool }),
  broker: tableBroker(pool),
  relay: { leaseMs: 1_000, chunkRowsMax: 20 },
  onEvent: (event) => {
    if (event.level !== "debug") console.log(JSON.stringify({ event: event.type, ...describeEvent(event) }));
  },
});

await waybill.start({ consumers: false });
console.log(JSON.stringify({ event: "ready" }));

process.once("SIGTERM", () => {
  void waybill
    .stop()
    .then(() => pool.end())
    .then(() => process.exit(0));
});

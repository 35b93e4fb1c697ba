import { createWaybill } from "@waybill/core";
import { inTransaction, postgresStorage } from "@waybill/postgres";
import { Pool } from "pg";
import { ShipmentRated, ShipmentV1, ShipmentV2 } from "./shipment.ts";

/** A producer of version 1 or 2: packs the shipments of an order, `FROM` to `TO`, and ends. */
const { DATABASE_URL, VERSION, ORDER = "", FROM, TO } = process.env;
if (DATABASE_URL === undefined) throw new Error("set DATABASE_URL, VERSION, ORDER, FROM and TO");

const pool = new Pool({ connectionString: DATABASE_URL, max: 1 });
const waybill = createWaybill({ source: "notes", storage: postgresStorage({ pool }) });
for (let no = Number(FROM); no <= Number(TO); no += 1) {
  await inTransaction(pool, async (tx) => {
    if (VERSION === "1") await waybill.send(tx, ShipmentV1, { order: ORDER, no, grams: 1_500 });
    else await waybill.send(tx, ShipmentV2, { order: ORDER, no, weight: { kg: 1.5 } });
    if (VERSION === "2") await waybill.send(tx, ShipmentRated, { order: ORDER, no });
  });
}
await waybill.stop();
await pool.end();

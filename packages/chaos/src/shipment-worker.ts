import { nativeBroker } from "@waybill/broker";
import { createWaybill, describeEvent, type HandlerContext } from "@waybill/core";
import { postgresStorage, type PgTransaction } from "@waybill/postgres";
import { Pool } from "pg";
import { ShipmentRated, ShipmentV1, ShipmentV2, topicsOf } from "./shipment.ts";

/** A worker of version 1 or 2, with relay and embedded broker. An effect says which version's code made it. */
const { DATABASE_URL, DATA_DIR, VERSION } = process.env;
if (DATABASE_URL === undefined || DATA_DIR === undefined) throw new Error("set DATABASE_URL and DATA_DIR");
const version = VERSION === "2" ? "2" : "1";

const pool = new Pool({ connectionString: DATABASE_URL, max: 12 });
const waybill = createWaybill({
  source: "notes",
  storage: postgresStorage({ pool }),
  broker: nativeBroker({ dataDir: DATA_DIR }),
  relay: { leaseMs: 500 },
  topics: topicsOf(version),
  consumer: { unknownRetryMs: 200 },
  onEvent: (event) => {
    if (event.level !== "debug") console.log(JSON.stringify({ event: event.type, ...describeEvent(event) }));
  },
});

type Context = HandlerContext<PgTransaction>;
const effect = async ({ tx }: Context, order: string, no: number, what: string): Promise<void> => {
  await tx.query("insert into effect (key, no, worker) values ($1, $2, $3)", [order, no, what]);
};

if (version === "1") {
  waybill
    .consumer("freight")
    .on(ShipmentV1, ({ order, no, grams }, context) => effect(context, order, no, `v1 ${grams} g`));
} else {
  waybill
    .consumer("freight")
    .on(ShipmentV2, ({ order, no, weight }, context) => effect(context, order, no, `v2 ${weight.kg} kg`))
    .on(ShipmentRated, ({ order, no }, context) => effect(context, `rated ${order}`, no, "v2"));
}
await waybill.start();
console.log(JSON.stringify({ event: "ready" }));

process.once("SIGTERM", () => {
  void waybill
    .stop()
    .then(() => pool.end())
    .then(() => process.exit(0));
});

import { nativeBroker } from "@waybill/broker";
import { createWaybill } from "@waybill/core";
import { postgresStorage } from "@waybill/postgres";
import { Pool } from "pg";
import { Measured } from "./bench-topic.ts";

/** The consuming process of the latency benchmark: notes when each handler begins. */
const { DATABASE_URL, DATA_DIR } = process.env;
if (DATABASE_URL === undefined || DATA_DIR === undefined) throw new Error("set DATABASE_URL and DATA_DIR");

const pool = new Pool({ connectionString: DATABASE_URL, max: 8 });
const waybill = createWaybill({
  source: "bench",
  storage: postgresStorage({ pool }),
  broker: nativeBroker({ dataDir: DATA_DIR }),
});
/** When each message was sent, and when its handler began; milliseconds since the epoch. */
const handled: [sentAt: number, handledAt: number][] = [];
waybill.consumer("latency").on(Measured, ({ at }) => {
  handled.push([at, performance.timeOrigin + performance.now()]);
});
await waybill.start();
console.log(JSON.stringify({ event: "ready" }));

process.once("SIGTERM", () => {
  console.log(JSON.stringify({ event: "handled", handled }));
  void waybill
    .stop()
    .then(() => pool.end())
    .then(() => process.exit(0));
});

import { nativeBroker } from "@waybill/broker";
import { createWaybill } from "@waybill/core";
import { postgresStorage } from "@waybill/postgres";
import connect from "knex";
import { OrderPlaced } from "./topics.ts";

const knex = connect({
  client: "pg",
  connection: process.env["DATABASE_URL"] ?? "",
  pool: { min: 0, max: 12, idleTimeoutMillis: 1_000 }, // the process ends when its last connection is gone
});

export const waybill = createWaybill({
  source: "orders",
  storage: postgresStorage({ knex }),
  broker: nativeBroker({ dataDir: process.env["DATA_DIR"] ?? "./data/broker" }),
});

waybill.consumer("mail").on(OrderPlaced, async ({ orderId }, { tx }) => {
  await tx("mails").insert({ order_id: orderId });
});

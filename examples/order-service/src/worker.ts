// The worker process: publishes what the HTTP process committed, carries it to the groups, and runs them.
import { createWaybill, describeEvent, type ReportedEvent } from "@waybill/core";
import { postgresStorage } from "@waybill/postgres";
import { readBrokerConfig, readConfig } from "./config.ts";
import { registerInventory } from "./inventory/inventory-group.ts";
import { openBroker } from "./open-broker.ts";
import { openDatabase } from "./open-database.ts";
import { registerOrders } from "./orders/orders-group.ts";
import { registerPayment } from "./payment/payment-group.ts";
import { SOURCE } from "./source.ts";
import { stopSignal } from "./stop-signal.ts";

const config = readConfig();
const stopped = stopSignal();
const knex = openDatabase(config.databaseUrl, 20);

/** Events as JSON lines; they name messages and never show what is in them. */
function log(event: ReportedEvent): void {
  if (event.level !== "debug" || config.logLevel === "debug")
    console.log(JSON.stringify(describeEvent(event)));
}

const waybill = createWaybill({
  source: SOURCE,
  storage: postgresStorage({ knex }),
  broker: openBroker(readBrokerConfig(), log),
  relay: { leaseMs: config.relayLeaseMs },
  onEvent: log,
});
registerInventory(waybill);
registerPayment(waybill);
registerOrders(waybill);

try {
  await waybill.start();
  console.log(JSON.stringify({ event: "ready" }));
  await stopped;
} finally {
  await waybill.stop();
  await knex.destroy();
}

// The service with its messages in the outbox. What is new: Waybill, the line that makes the producer, and the transaction.
import { createWaybill } from "@waybill/core";
import { kafkaBroker, outboxed } from "@waybill/kafka";
import { postgresStorage } from "@waybill/postgres";
import makeKnex from "knex";
import { kafka } from "./connect.ts";
import { placeOrder } from "./place-order.ts";
import { serve } from "./serve.ts";

const knex = makeKnex({ client: "pg", connection: process.env["DATABASE_URL"] ?? "" });

const waybill = createWaybill({
  source: "shop",
  storage: postgresStorage({ knex }),
  broker: kafkaBroker({ brokers: (process.env["KAFKA_BROKERS"] ?? "127.0.0.1:9092").split(",") }),
});
await waybill.start(); // the relay runs here; or leave this out and run a worker

const producer = outboxed(kafka.producer(), { waybill });
await producer.connect(); // opens nothing

serve((order) => waybill.runInTransaction((tx) => placeOrder(tx, producer, order)));

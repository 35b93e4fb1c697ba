// The service with its messages in the outbox. What is new: Waybill, the line that makes the channel, and the transaction.
import { createWaybill } from "@waybill/core";
import { postgresStorage } from "@waybill/postgres";
import { outboxed, rabbitmqBroker } from "@waybill/rabbitmq";
import makeKnex from "knex";
import { connectToRabbitmq } from "./connect.ts";
import { placeOrder } from "./place-order.ts";
import { serve } from "./serve.ts";

const knex = makeKnex({ client: "pg", connection: process.env["DATABASE_URL"] ?? "" });
const connection = await connectToRabbitmq();

const waybill = createWaybill({
  source: "shop",
  storage: postgresStorage({ knex }),
  broker: rabbitmqBroker({ url: process.env["RABBITMQ_URL"] ?? "amqp://127.0.0.1" }),
});
await waybill.start(); // the relay runs here; or leave this out and run a worker

const channel = outboxed(await connection.createConfirmChannel(), { waybill });
await channel.assertExchange("shop", "topic");

serve((order) => waybill.runInTransaction((tx) => placeOrder(tx, channel, order)));

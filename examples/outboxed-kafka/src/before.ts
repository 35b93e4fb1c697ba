// The service as it was: an order whose message is lost, or a message whose order is not there, after a crash.
import makeKnex from "knex";
import { kafka } from "./connect.ts";
import { placeOrder } from "./place-order.ts";
import { serve } from "./serve.ts";

const knex = makeKnex({ client: "pg", connection: process.env["DATABASE_URL"] ?? "" });

const producer = kafka.producer();
await producer.connect();

serve((order) => knex.transaction((tx) => placeOrder(tx, producer, order)));

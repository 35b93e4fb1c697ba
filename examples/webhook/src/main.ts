// Takes webhooks on PORT. The tables are made by `npx waybill migrate up --source payments` and the statement below.
import connect from "knex";
import { createApp } from "./create-app.ts";

const knex = connect({ client: "pg", connection: process.env["DATABASE_URL"] ?? "" });
await knex.raw(
  "create table if not exists payments (payment_id integer generated always as identity primary key, order_id text not null, cents integer not null)",
);
const app = createApp(knex);
const address = await app.listen({ host: "127.0.0.1", port: Number(process.env["PORT"] ?? 3000) });
console.log(JSON.stringify({ event: "ready", address }));
process.once("SIGTERM", () => void app.close().then(() => knex.destroy()));

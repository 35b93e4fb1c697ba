import knex, { type Knex } from "knex";

/** The transaction in which business rows and messages are written together. */
export type Tx = Knex.Transaction;

/** Opens a pool. Waybill works through it and never ends it: that is up to who opened it. */
export function openDatabase(url: string, connectionsMax: number): Knex {
  return knex({ client: "pg", connection: url, pool: { min: 0, max: connectionsMax } });
}

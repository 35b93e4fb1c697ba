import type { Knex } from "knex";
import type { Sabotage } from "../flags.ts";
import { chargeTwice } from "./charge-twice.ts";
import { forgeMessage } from "./forge-message.ts";
import { loseMessage } from "./lose-message.ts";
import { swapMessages } from "./swap-messages.ts";

/**
 * Does one piece of harm behind Waybill's back, in a database whose worker is dead.
 *
 * @param lastId the newest outbox row when the worker died: nobody has read those after it
 * @returns what was done; `undefined` when there is nothing yet to do it to
 */
export type Tamper = (knex: Knex, lastId: string) => Promise<string | undefined>;

export const TAMPER: Readonly<Record<Sabotage, Tamper>> = {
  lose: loseMessage,
  orphan: forgeMessage,
  double: chargeTwice,
  swap: swapMessages,
};

/** The newest row of the outbox, as text because it may exceed a JavaScript number. */
export async function newestOutboxId(knex: Knex): Promise<string> {
  const { rows } = await knex.raw<{ rows: [{ id: string }] }>(
    "select coalesce(max(id), 0)::text as id from waybill.outbox",
  );
  return rows[0].id;
}

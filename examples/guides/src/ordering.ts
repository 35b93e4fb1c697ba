import { createWaybill, defineTopic, type Broker, type Waybill } from "@waybill/core";
import { postgresStorage } from "@waybill/postgres";
import type { Knex } from "knex";
import { z } from "zod";

export const AccountChanged = defineTopic("account.changed", {
  version: 1,
  schema: z.object({ accountId: z.string(), balance: z.int() }),
  key: (account) => account.accountId,
});

/** Update first: the row lock makes transactions of one account exclude each other before they send. */
export async function deposit(
  knex: Knex,
  waybill: Waybill<Knex.Transaction>,
  accountId: string,
  cents: number,
) {
  await knex.transaction(async (tx) => {
    const [account] = await tx<{ account_id: string; balance: number }>("accounts")
      .where({ account_id: accountId })
      .increment("balance", cents) // takes the row's lock: the next one of this account waits here
      .returning("balance");
    if (account === undefined) throw new Error(`no account ${accountId}`);
    await waybill.send(tx, AccountChanged, { accountId, balance: account.balance });
  });
}

export const LoginSeen = defineTopic("login.seen", {
  version: 1,
  schema: z.object({ accountId: z.string(), from: z.string() }),
  key: (login) => login.accountId,
});

/** Nothing else makes these transactions wait for each other. */
export async function seen(knex: Knex, waybill: Waybill<Knex.Transaction>, accountId: string, from: string) {
  await knex.transaction(async (tx) => {
    await tx("logins").insert({ account_id: accountId, came_from: from }); // locks nothing that others want
    await waybill.send(tx, LoginSeen, { accountId, from }, { serialize: true });
  });
}

/** A process with room for 16 messages at once. */
export function manyHands(knex: Knex, broker: Broker): Waybill<Knex.Transaction> {
  const waybill = createWaybill({
    source: "orders",
    storage: postgresStorage({ knex }),
    broker,
    consumer: { concurrency: 16, prefetch: 400 },
  });
  return waybill;
}

import { createWaybill, memoryBroker, type WaybillEvent } from "@waybill/core";
import { postgresStorage } from "@waybill/postgres";
import { waitFor } from "@waybill/services";
import type { Knex } from "knex";
import { expect, onTestFinished, test } from "vitest";
import { AccountChanged, deposit, LoginSeen, manyHands, seen } from "../src/ordering.ts";
import { connectTo, guideBed, guideDatabase } from "./support/guide-bed.ts";

const database = guideDatabase([
  "create table accounts (account_id text primary key, balance integer not null)",
  "create table logins (account_id text, came_from text)",
  "insert into accounts values ('a', 0), ('b', 0)",
]);

test("balances arrive in the order in which they were committed, however many deposit at once", async () => {
  const arrived: number[] = [];
  const { knex, waybill } = await guideBed(database, (made) => {
    made.consumer("statements").on(AccountChanged, ({ accountId, balance }) => {
      if (accountId === "a") arrived.push(balance);
    });
  });
  const deposits = Array.from({ length: 40 }, (_, no) => deposit(knex, waybill, no % 4 === 0 ? "b" : "a", 1));
  await Promise.all(deposits);
  await waitFor(() => arrived.length === 30);
  expect(arrived).toEqual(Array.from({ length: 30 }, (_, no) => no + 1));
});

test("with serialize a transaction waits for the one that sent before, and only for its key", async () => {
  const { knex, waybill, rows } = await guideBed(database, (made) => {
    made.consumer("alarms").on(LoginSeen, () => undefined);
  });
  const order: string[] = [];
  await knex.transaction(async (tx) => {
    await tx("logins").insert({ account_id: "a", came_from: "first" });
    await waybill.send(tx, LoginSeen, { accountId: "a", from: "first" }, { serialize: true });
    const second = seen(knex, waybill, "a", "second").then(() => order.push("second"));
    onTestFinished(async () => void (await second));
    await seen(knex, waybill, "b", "other");
    const waits = "select from pg_locks where locktype = 'advisory' and not granted";
    await waitFor(async () => (await rows(waits)).length === 1);
    order.push("first");
  });
  await waitFor(() => order.length === 2);
  expect(order).toEqual(["first", "second"]);
});

test("partitions are handled side by side, and each key in order", async () => {
  const knex = connectTo(database);
  const broker = memoryBroker();
  const waybill = manyHands(knex, broker);
  const running = new Set<string>();
  let most = 0;
  const arrived: Record<string, number[]> = {};
  waybill.consumer("side-by-side").on(AccountChanged, async ({ accountId, balance }, { tx }) => {
    expect(running.has(accountId)).toBe(false);
    running.add(accountId);
    most = Math.max(most, running.size);
    await tx.raw("select pg_sleep(0.02)");
    (arrived[accountId] ??= []).push(balance);
    running.delete(accountId);
  });
  onTestFinished(() => waybill.stop());
  await waybill.start();
  await knex.transaction(async (tx: Knex.Transaction) => {
    for (let balance = 0; balance < 5; balance += 1) {
      for (const accountId of ["k1", "k2", "k3", "k4", "k5", "k6"]) {
        await waybill.send(tx, AccountChanged, { accountId, balance });
      }
    }
  });
  await waitFor(() => Object.values(arrived).flat().length === 30);
  expect(most).toBeGreaterThan(2);
  for (const balances of Object.values(arrived)) expect(balances).toEqual([0, 1, 2, 3, 4]);
});

test("a transaction that neither excludes others nor serializes can be overtaken by one that sent later", async () => {
  const arrived: string[] = [];
  const events: WaybillEvent[] = [];
  const knex = connectTo(database);
  const waybill = createWaybill({
    source: "orders",
    storage: postgresStorage({ knex }),
    broker: memoryBroker(),
    onEvent: (event) => events.push(event),
  });
  onTestFinished(() => waybill.stop());
  waybill.consumer("plain").on(LoginSeen, ({ accountId, from }) => {
    if (accountId === "plain") arrived.push(from);
  });
  await waybill.start();
  const late = await knex.transaction();
  await waybill.send(late, LoginSeen, { accountId: "plain", from: "sent first, committed last" });
  await knex.transaction((tx) =>
    waybill.send(tx, LoginSeen, { accountId: "plain", from: "sent last, committed first" }),
  );
  await waitFor(() => arrived.length === 1);
  await late.commit();
  await waitFor(() => arrived.length === 2);
  expect(arrived).toEqual(["sent last, committed first", "sent first, committed last"]);
});

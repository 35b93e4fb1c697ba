import { randomUUID } from "node:crypto";
import type { Storage } from "@waybill/core";
import type { Knex } from "knex";
import { describe, expect, test } from "vitest";
import { postgresStorage, type PgTransaction } from "../src/index.ts";
import { envelope, migratedDatabase, newParked, step, testKnex, testPool } from "./support/test-storage.ts";

describe("on connections that default to serializable", () => {
  const database = migratedDatabase();

  const strictUrl = (): string => {
    const url = new URL(database.url);
    url.searchParams.set("options", "-c default_transaction_isolation=serializable");
    return url.href;
  };

  const storageOn = (driver: string): Storage<Knex.Transaction | PgTransaction> =>
    (driver === "pg"
      ? postgresStorage({ pool: testPool(strictUrl()) })
      : postgresStorage({ knex: testKnex(strictUrl()) })) as Storage<Knex.Transaction | PgTransaction>;

  test.each(["pg", "knex"])(
    "%s: on a new connection the first delivery opens its transaction",
    async (driver) => {
      const incarnation = randomUUID();
      const storage = storageOn(driver);
      const claim = (sequence: number): Promise<string> => {
        const message = envelope({ position: { incarnation, sequence } });
        const request = { group: "ledger", envelope: message, ordered: true, parkedId: null };
        return storage.claimed(request, async (_tx, answer) => answer);
      };
      // By the function, which tells the id of the stream; then by plain statements, at once and so on connections of their own.
      expect(await claim(0)).toBe("claimed");
      expect(new Set(await Promise.all([1, 2, 3, 4].map(claim)))).toEqual(new Set(["claimed"]));
    },
  );

  test.each(["pg", "knex"])("%s: statements of Waybill's own never fail for a conflict", async (driver) => {
    const storage = storageOn(driver);
    const answer = await storage.relay.acquire("me", 60_000);
    if (answer.kind !== "acquired") throw new Error("held");
    const { lease } = answer;
    const { from } = await storage.relay.load(lease);
    const often = async (work: () => Promise<unknown>): Promise<void> => {
      for (let round = 0; round < 150; round += 1) await work();
    };
    const job = { name: "j", schedule: "* * * * * *", leaseMs: 1_000, notWithinMs: 0 };
    await Promise.all([
      often(() => storage.relay.renew(lease, 60_000)),
      often(() => storage.relay.renew(lease, 60_000)),
      often(() => storage.relay.acquire("other", 1_000)),
      often(() => storage.relay.apply(lease, step(from))),
      often(() => storage.jobs.begin({ ...job, owner: "a" })),
      often(() => storage.jobs.begin({ ...job, owner: "b" })),
      often(() => storage.transaction((tx) => storage.parked.park(tx, newParked()))),
      often(() => storage.inbox.fold(0, 10)),
    ]);
    await storage.relay.release(lease);
    expect(await storage.relay.verify(lease)).toBe(false);
  });
});

import type { DedupClaim, Storage } from "@waybill/core";
import { expect, test } from "vitest";
import { newMessage } from "../support/messages.ts";
import { hold, later, rolledBack, type StorageSuite } from "./storage-bed.ts";

/** A claim of a new message. */
function claimOf(dedupKey: string, topic = "order.placed"): DedupClaim {
  return { topic, dedupKey, messageId: newMessage().id };
}

function claimed<Tx>(storage: Storage<Tx>, ...claims: readonly DedupClaim[]): Promise<readonly string[]> {
  return storage.transaction((tx) => storage.outbox.claimDedupKeys(tx, claims));
}

export function dedupCases<Tx>({ open }: StorageSuite<Tx>): void {
  test("the first message of a key has it, whoever asks later; other keys and topics are free", async () => {
    const { storage } = await open();
    const first = claimOf("a");
    expect(await claimed(storage, first)).toEqual([first.messageId]);
    expect(await claimed(storage, claimOf("a"))).toEqual([first.messageId]);
    const others = [claimOf("b"), claimOf("a", "order.paid")];
    expect(await claimed(storage, ...others)).toEqual(others.map(({ messageId }) => messageId));
  });

  test("among many claims each has its own answer, also for a key that comes twice", async () => {
    const { storage } = await open();
    const known = claimOf("known");
    await claimed(storage, known);
    const [z, a, again, known2] = [claimOf("z"), claimOf("a"), claimOf("z"), claimOf("known")];
    const holders = [z.messageId, known.messageId, a.messageId, z.messageId];
    expect(await claimed(storage, z, known2, a, again)).toEqual(holders);
    expect(await claimed(storage)).toEqual([]);
  });

  test("one transaction sees its own claims, and a rollback undoes them, also to a savepoint", async () => {
    const { storage } = await open();
    const first = claimOf("a");
    await rolledBack(storage, async (tx) => {
      await storage.outbox.claimDedupKeys(tx, [first]);
      expect(await storage.outbox.claimDedupKeys(tx, [claimOf("a")])).toEqual([first.messageId]);
    });
    const second = claimOf("a");
    const third = claimOf("a");
    await storage.transaction(async (tx) => {
      const inner = storage.savepoint(tx, async (nested) => {
        expect(await storage.outbox.claimDedupKeys(nested, [second])).toEqual([second.messageId]);
        throw new Error("inner");
      });
      await expect(inner).rejects.toThrow("inner");
      expect(await storage.outbox.claimDedupKeys(tx, [third])).toEqual([third.messageId]);
    });
    expect(await claimed(storage, claimOf("a"))).toEqual([third.messageId]);
  });

  test.each(["commits", "rolls back"] as const)(
    "a claim waits for one that is open, which %s",
    async (end) => {
      const { storage } = await open();
      const [first, second] = [claimOf("a"), claimOf("a")];
      const held = await hold(storage);
      await storage.outbox.claimDedupKeys(held.tx, [first]);
      const other = await hold(storage);
      let settled = false;
      const waiting = storage.outbox.claimDedupKeys(other.tx, [second]).finally(() => (settled = true));
      // A claim of another key that began later gets through, so the first one had its chance.
      await claimed(storage, claimOf("b"));
      expect(settled).toBe(false);
      if (end === "commits") await held.commit();
      else await held.rollback();
      expect(await waiting).toEqual([end === "commits" ? first.messageId : second.messageId]);
      await other.commit();
    },
  );

  test("those who claim the same keys in different orders do not wait for each other for ever", async () => {
    const { storage } = await open();
    const keys = ["p", "q", "r", "s"];
    const rounds = await Promise.all(
      Array.from({ length: 4 }, (_, turn) => {
        const turned = [...keys.slice(turn), ...keys.slice(0, turn)];
        return claimed(storage, ...turned.map((key) => claimOf(key)));
      }),
    );
    expect(new Set(rounds.flat()).size).toBe(keys.length);
  });

  test("keys are forgotten when they are old, and then they are free", async () => {
    const bed = await open();
    const { storage } = bed;
    const first = claimOf("a");
    await claimed(storage, first, claimOf("b"));
    expect(await storage.outbox.forgetDedupKeys(3_600_000, 100)).toBe(0);
    expect(await claimed(storage, claimOf("a"))).toEqual([first.messageId]);
    let forgotten = 0;
    await later(bed, 50, "both keys are old enough, and go one by one", async () => {
      const count = await storage.outbox.forgetDedupKeys(40, 1);
      expect(count).toBeLessThanOrEqual(1);
      forgotten += count;
      return forgotten === 2;
    });
    const next = claimOf("a");
    expect(await claimed(storage, next)).toEqual([next.messageId]);
  });
}

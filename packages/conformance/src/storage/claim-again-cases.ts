import type { ClaimRequest, Envelope } from "@waybill/core";
import { expect, test } from "vitest";
import { newEnvelope, newParked } from "../support/messages.ts";
import { staysPending, waitUntil } from "../support/wait-until.ts";
import { claim, claimOf, GROUP, positioned } from "./claim-cases.ts";
import { parkAll, takeOne } from "./parked-cases.ts";
import type { StorageSuite } from "./storage-bed.ts";
import { hold, rolledBack } from "./storage-bed.ts";

const again = (envelope: Envelope, delivery: number, change: Partial<ClaimRequest> = {}): ClaimRequest =>
  claimOf(envelope, { delivery, ...change });

export function claimAgainCases<Tx>({ open }: StorageSuite<Tx>): void {
  test.each(["with a position", "without one"])(
    "a retried message %s is claimed once under each delivery number, though it was applied before",
    async (kind) => {
      const { storage } = await open();
      const envelope = kind === "with a position" ? positioned()(0) : newEnvelope();
      expect(await claim(storage, claimOf(envelope))).toBe("claimed");
      for (const ordered of [true, false]) {
        const delivery = ordered ? 1 : 2;
        expect(await claim(storage, again(envelope, delivery, { ordered }))).toBe("claimed");
        expect(await claim(storage, again(envelope, delivery, { ordered }))).toBe("duplicate");
      }
      expect(await claim(storage, again(envelope, 1, { group: "shipping" }))).toBe("claimed");
      expect(await claim(storage, claimOf(envelope))).toBe("duplicate");
    },
  );

  test("that its position is in the ranges does not matter, and its claims enter none", async () => {
    const bed = await open();
    const { storage } = bed;
    const envelope = positioned()(0);
    await claim(storage, claimOf(envelope));
    bed.advance?.(10);
    await waitUntil("the record to be folded", async () => (await storage.inbox.fold(0, 10)) === 1);
    expect(await claim(storage, again(envelope, 1))).toBe("claimed");
    bed.advance?.(10);
    expect(await storage.inbox.fold(0, 10)).toBe(0);
    expect(await claim(storage, again(envelope, 1))).toBe("duplicate");
  });

  test("a claim that rolled back or was taken back can be made again, and no other goes with it", async () => {
    const { storage } = await open();
    const envelope = positioned()(0);
    await claim(storage, claimOf(envelope));
    await rolledBack(storage, async (tx) => {
      expect(await storage.inbox.claim(tx, again(envelope, 1))).toBe("claimed");
    });
    await storage.transaction(async (tx) => {
      expect(await storage.inbox.claim(tx, again(envelope, 1))).toBe("claimed");
      await storage.inbox.unclaim(tx, GROUP, envelope.id, 1);
    });
    expect(await claim(storage, again(envelope, 1))).toBe("claimed");
    expect(await claim(storage, claimOf(envelope))).toBe("duplicate");
  });

  test("a second run of the same number waits, and is a duplicate if the first commits", async () => {
    const { storage } = await open();
    const envelope = positioned()(0);
    const first = await hold(storage);
    expect(await storage.inbox.claim(first.tx, again(envelope, 1))).toBe("claimed");
    const second = claim(storage, again(envelope, 1));
    expect(await staysPending(second)).toBe(true);
    await first.commit();
    expect(await second).toBe("duplicate");
  });

  test("in order it is behind what is parked before it in its key", async () => {
    const { storage } = await open();
    const before = newParked({ due: { inMs: 3_600_000 } });
    await parkAll(storage, before, newParked({ envelope: newEnvelope({ key: "other" }) }));
    const envelope = newEnvelope();
    await takeOne(storage, async (tx, { parkedId }) => {
      const behind = again(envelope, 1, { ordered: true, parkedId });
      expect(await storage.inbox.claim(tx, behind)).toBe("behind");
      expect(await storage.inbox.claim(tx, { ...behind, ordered: false })).toBe("claimed");
    });
  });
}

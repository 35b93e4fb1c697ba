import type { NewParked } from "@waybill/core";
import { expect, test } from "vitest";
import { newEnvelope, newParked } from "../support/messages.ts";
import { staysPending } from "../support/wait-until.ts";
import { claim, claimOf, GROUP, positioned } from "./claim-cases.ts";
import { parkAll, takeOne } from "./parked-cases.ts";
import type { StorageSuite } from "./storage-bed.ts";
import { hold } from "./storage-bed.ts";

const FAR = { due: { inMs: 3_600_000 } } as const;

export function claimOrderCases<Tx>({ open }: StorageSuite<Tx>): void {
  test("behind a parked message of its key an ordered claim records nothing", async () => {
    const { storage } = await open();
    await parkAll(storage, newParked());
    const request = claimOf(positioned()(5), { ordered: true });
    expect(await claim(storage, request)).toBe("behind");
    expect(await claim(storage, request)).toBe("behind");
    await takeOne(storage, (tx, { parkedId }) => storage.parked.remove(tx, parkedId));
    expect(await claim(storage, request)).toBe("claimed");
  });

  test("other keys, other topics, other groups and unordered claims are not behind", async () => {
    const { storage } = await open();
    await parkAll(storage, newParked(FAR));
    const ordered = { ordered: true };
    expect(await claim(storage, claimOf(newEnvelope()))).toBe("claimed");
    expect(await claim(storage, claimOf(newEnvelope({ key: "other" }), ordered))).toBe("claimed");
    expect(await claim(storage, claimOf(newEnvelope({ key: null }), ordered))).toBe("claimed");
    expect(await claim(storage, claimOf(newEnvelope({ topic: "thing.ended" }), ordered))).toBe("claimed");
    expect(await claim(storage, claimOf(newEnvelope(), { ...ordered, group: "shipping" }))).toBe("claimed");
  });

  test.each([
    ["retry", "blocking", "behind"],
    ["behind", "blocking", "behind"],
    ["unknown", "blocking", "behind"],
    ["delayed", "blocking", "claimed"],
    ["retry", "parking", "claimed"],
  ] as const)(
    "after a %s message in %s order, an ordered claim of its key is %s",
    async (reason, order, answer) => {
      const { storage } = await open();
      const parked: NewParked = newParked({ ...FAR, reason, order });
      await parkAll(storage, parked);
      expect(await claim(storage, claimOf(newEnvelope(), { ordered: true }))).toBe(answer);
    },
  );

  test("the run of a parked row is behind earlier rows of its key, not behind later ones", async () => {
    const { storage } = await open();
    const rows = [newParked(), newParked({ reason: "behind" })];
    await parkAll(storage, ...rows);
    const second = rows[1]?.envelope ?? newEnvelope();
    await takeOne(storage, async (tx, first) => {
      const request = { ordered: true, parkedId: first.parkedId };
      expect(await storage.inbox.claim(tx, claimOf(first.envelope, request))).toBe("claimed");
      const early = claimOf(second, { ordered: true, parkedId: first.parkedId + 1_000_000 });
      expect(await storage.inbox.claim(tx, early)).toBe("parked");
      await storage.parked.remove(tx, first.parkedId);
    });
    await takeOne(storage, async (tx, row) => {
      expect(row.envelope.id).toBe(second.id);
      const request = { ordered: true, parkedId: row.parkedId };
      expect(await storage.inbox.claim(tx, claimOf(second, request))).toBe("claimed");
    });
  });

  test("ordered claims of one key run one after the other", async () => {
    const { storage } = await open();
    const ordered = { ordered: true };
    const first = await hold(storage);
    expect(await storage.inbox.claim(first.tx, claimOf(newEnvelope(), ordered))).toBe("claimed");
    const second = claim(storage, claimOf(newEnvelope(), ordered));
    expect(await staysPending(second)).toBe(true);
    expect(await claim(storage, claimOf(newEnvelope({ key: "other" }), ordered))).toBe("claimed");
    expect(await claim(storage, claimOf(newEnvelope({ topic: "thing.ended" }), ordered))).toBe("claimed");
    expect(await claim(storage, claimOf(newEnvelope(), { ...ordered, group: "shipping" }))).toBe("claimed");
    expect(await claim(storage, claimOf(newEnvelope()))).toBe("claimed");
    await first.commit();
    expect(await second).toBe("claimed");
  });

  test("no message slips past the parking of the one before it", async () => {
    const { storage } = await open();
    const at = positioned();
    const [first, second] = [at(0), at(1)];
    const running = await hold(storage);
    expect(await storage.inbox.claim(running.tx, claimOf(first, { ordered: true }))).toBe("claimed");
    const next = claim(storage, claimOf(second, { ordered: true }));
    await storage.inbox.unclaim(running.tx, GROUP, first.id);
    await storage.parked.park(running.tx, newParked({ ...FAR, envelope: first }));
    expect(await staysPending(next)).toBe(true);
    await running.commit();
    expect(await next).toBe("behind");
    expect(await claim(storage, claimOf(first, { ordered: true }))).toBe("parked");
  });
}

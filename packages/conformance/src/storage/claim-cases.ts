import { randomUUID } from "node:crypto";
import type { Claim, ClaimRequest, Envelope, Storage } from "@waybill/core";
import { expect, test } from "vitest";
import { newEnvelope, newParked } from "../support/messages.ts";
import { staysPending } from "../support/wait-until.ts";
import { parkAll, takeOne } from "./parked-cases.ts";
import type { StorageSuite } from "./storage-bed.ts";
import { hold, rolledBack } from "./storage-bed.ts";

export const GROUP = "billing";

/** The claim of an envelope by the group, unordered unless told otherwise. */
export function claimOf(envelope: Envelope, change: Partial<ClaimRequest> = {}): ClaimRequest {
  return { group: GROUP, envelope, ordered: false, parkedId: null, ...change };
}

/** Claims in a transaction of its own. */
export function claim<Tx>(storage: Storage<Tx>, request: ClaimRequest): Promise<Claim> {
  return storage.transaction((tx) => storage.inbox.claim(tx, request));
}

/** Envelopes of one history, told apart by their sequence. */
export function positioned(): (sequence: number, change?: Partial<Envelope>) => Envelope {
  const incarnation = randomUUID();
  return (sequence, change) => newEnvelope({ position: { incarnation, sequence }, ...change });
}

export function claimCases<Tx>({ open }: StorageSuite<Tx>): void {
  test.each([true, false])("a message is claimed once by each group (ordered: %s)", async (ordered) => {
    const { storage } = await open();
    for (const envelope of [newEnvelope(), positioned()(0), newEnvelope({ key: null })]) {
      expect(await claim(storage, claimOf(envelope, { ordered }))).toBe("claimed");
      expect(await claim(storage, claimOf(envelope, { ordered }))).toBe("duplicate");
      expect(await claim(storage, claimOf(envelope, { ordered, group: "shipping" }))).toBe("claimed");
    }
  });

  test("a claim does not stand when its transaction rolls back", async () => {
    const { storage } = await open();
    const request = claimOf(positioned()(0));
    await rolledBack(storage, async (tx) => {
      expect(await storage.inbox.claim(tx, request)).toBe("claimed");
    });
    expect(await claim(storage, request)).toBe("claimed");
  });

  test("a claim that was taken back can be made again", async () => {
    const { storage } = await open();
    const request = claimOf(positioned()(0));
    await storage.transaction(async (tx) => {
      expect(await storage.inbox.claim(tx, request)).toBe("claimed");
      await storage.inbox.unclaim(tx, GROUP, request.envelope.id);
    });
    expect(await claim(storage, request)).toBe("claimed");
    expect(await claim(storage, request)).toBe("duplicate");
  });

  test.each(["with a position", "without one"])(
    "a copy %s that arrives meanwhile waits, and is a duplicate if the first commits",
    async (kind) => {
      const { storage } = await open();
      const request = claimOf(kind === "with a position" ? positioned()(0) : newEnvelope());
      const first = await hold(storage);
      expect(await storage.inbox.claim(first.tx, request)).toBe("claimed");
      const second = claim(storage, request);
      expect(await staysPending(second)).toBe(true);
      await first.commit();
      expect(await second).toBe("duplicate");
    },
  );

  test("a copy that arrives meanwhile runs if the first rolls back", async () => {
    const { storage } = await open();
    const request = claimOf(positioned()(0));
    const first = await hold(storage);
    expect(await storage.inbox.claim(first.tx, request)).toBe("claimed");
    const second = claim(storage, request);
    expect(await staysPending(second)).toBe(true);
    await first.rollback();
    expect(await second).toBe("claimed");
  });

  test("of many copies that arrive at once, one is claimed", async () => {
    const { storage } = await open();
    const request = claimOf(positioned()(0));
    const answers = await Promise.all(Array.from({ length: 4 }, () => claim(storage, request)));
    expect(answers.toSorted()).toEqual(["claimed", "duplicate", "duplicate", "duplicate"]);
  });

  test("other messages, and other groups, wait for nobody", async () => {
    const { storage } = await open();
    const at = positioned();
    // The very first claim of a stream may make the others wait: a storage may have to note the stream.
    await claim(storage, claimOf(at(0)));
    const first = await hold(storage);
    const request = claimOf(at(1));
    await storage.inbox.claim(first.tx, request);
    expect(await claim(storage, claimOf(at(2)))).toBe("claimed");
    expect(await claim(storage, { ...request, group: "shipping" })).toBe("claimed");
  });

  test("a known position with another id is claimed by its id, and said to be a conflict", async () => {
    const { storage } = await open();
    const at = positioned();
    expect(await claim(storage, claimOf(at(0)))).toBe("claimed");
    const other = claimOf(at(0));
    expect(await claim(storage, other)).toBe("conflict");
    expect(await claim(storage, other)).toBe("duplicate");
  });

  test("the same sequence elsewhere is another position", async () => {
    const { storage } = await open();
    const at = positioned();
    const first = at(0, { partition: 1 });
    expect(await claim(storage, claimOf(first))).toBe("claimed");
    const others: readonly Envelope[] = [
      at(0, { partition: 2 }),
      at(0, { partition: 1, topic: "thing.ended" }),
      at(0, { partition: 1, source: "another" }),
      positioned()(0, { partition: 1 }),
    ];
    for (const envelope of others) expect(await claim(storage, claimOf(envelope))).toBe("claimed");
  });

  test("a message that the group has parked is not claimed, except by the run of its parked row", async () => {
    const { storage } = await open();
    const envelope = positioned()(0);
    await parkAll(storage, newParked({ envelope }));
    expect(await claim(storage, claimOf(envelope))).toBe("parked");
    expect(await claim(storage, claimOf(envelope, { ordered: true }))).toBe("parked");
    expect(await claim(storage, claimOf(envelope, { group: "shipping" }))).toBe("claimed");
    await takeOne(storage, async (tx, { parkedId }) => {
      expect(await storage.inbox.claim(tx, claimOf(envelope, { ordered: true, parkedId }))).toBe("claimed");
      await storage.parked.remove(tx, parkedId);
    });
    expect(await claim(storage, claimOf(envelope))).toBe("duplicate");
  });
}

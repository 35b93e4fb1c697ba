import type { Envelope, FirstClaim } from "@waybill/core";
import { expect, test } from "vitest";
import { newEnvelope, newParked } from "../support/messages.ts";
import { claim, claimOf, GROUP, positioned } from "./claim-cases.ts";
import { parkAll } from "./parked-cases.ts";
import type { StorageSuite } from "./storage-bed.ts";

function first(envelope: Envelope): FirstClaim {
  return { group: GROUP, envelope, ordered: envelope.key !== null };
}

export function claimManyCases<Tx>({ open }: StorageSuite<Tx>): void {
  test("many are claimed as if one after the other", async () => {
    const { storage } = await open();
    const at = positioned();
    const [applied, waiting, head] = [at(0), at(1), newEnvelope({ key: "held" })];
    await claim(storage, claimOf(applied));
    await parkAll(
      storage,
      newParked({ group: GROUP, envelope: waiting, reason: "delayed" }),
      newParked({ group: GROUP, envelope: head, reason: "retry" }),
    );
    const fresh = at(2);
    const batch = [
      fresh,
      applied,
      waiting,
      newEnvelope({ key: "held" }),
      fresh,
      at(2),
      newEnvelope({ key: null }),
    ];
    const claims = await storage.transaction((tx) => storage.inbox.claimMany(tx, batch.map(first)));
    expect(claims).toEqual(["claimed", "duplicate", "parked", "behind", "duplicate", "conflict", "claimed"]);
    expect(await claim(storage, claimOf(fresh))).toBe("duplicate");
  });

  test("no claims are no statement, and a rollback takes all of them back", async () => {
    const { storage } = await open();
    const batch = [0, 1, 2].map((sequence) => positioned()(sequence));
    expect(await storage.transaction((tx) => storage.inbox.claimMany(tx, []))).toEqual([]);
    const undone = storage.transaction(async (tx) => {
      await storage.inbox.claimMany(tx, batch.map(first));
      throw new Error("undo");
    });
    await expect(undone).rejects.toThrow("undo");
    const claims = await storage.transaction((tx) => storage.inbox.claimMany(tx, batch.map(first)));
    expect(claims).toEqual(["claimed", "claimed", "claimed"]);
  });
}

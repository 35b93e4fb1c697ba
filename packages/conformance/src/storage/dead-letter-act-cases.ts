import { randomUUID } from "node:crypto";
import type { DeadLetterFilter, Envelope, NewDeadLetter, Storage } from "@waybill/core";
import { OUTGOING } from "@waybill/core";
import { expect, test } from "vitest";
import { newDeadLetter, newEnvelope, newParked } from "../support/messages.ts";
import { staysPending } from "../support/wait-until.ts";
import { claim, claimOf } from "./claim-cases.ts";
import { buryAll, onlyLetter } from "./dead-letter-cases.ts";
import { parkAll, takeOne } from "./parked-cases.ts";
import { stepOf } from "./progress-cases.ts";
import type { StorageSuite } from "./storage-bed.ts";
import { hold, later, leaseOf, rolledBack } from "./storage-bed.ts";

const ACT = { by: "ada", reason: "fixed in 1.2", answeredToo: false } as const;

/** Chooses and retries, all due `inMs` after now. Answers how many are being retried. */
async function retry<Tx>(
  storage: Storage<Tx>,
  filter: DeadLetterFilter = {},
  { inMs = 0, answeredToo = false } = {},
): Promise<number> {
  const { now, chosen } = await storage.deadLetters.choose(filter, 100);
  const due = chosen.map((one) => ({ ...one, dueAt: now + inMs }));
  const act = { ...ACT, answeredToo };
  return (await storage.transaction((tx) => storage.deadLetters.retry(tx, due, act))).length;
}

/** The messages that the filter chooses, in the order in which it does. */
async function chosenIds<Tx>(storage: Storage<Tx>, filter: DeadLetterFilter = {}, limit = 100) {
  const { chosen } = await storage.deadLetters.choose(filter, limit);
  const letters = new Map((await storage.deadLetters.list(100)).map((one) => [one.deadLetterId, one]));
  return chosen.map(({ deadLetterId }) => letters.get(deadLetterId)?.envelope.id);
}

const died = (change: Partial<Envelope> = {}): NewDeadLetter =>
  newDeadLetter({ envelope: newEnvelope(change) });

export function deadLetterActCases<Tx>({ open }: StorageSuite<Tx>): void {
  test("letters are chosen key by key in the order of their positions, whatever they died in", async () => {
    const { storage } = await open();
    const [older, newer] = [randomUUID(), randomUUID()];
    const at = (incarnation: string, sequence: number, createdAt: number, key = "k"): NewDeadLetter =>
      died({ key, createdAt, position: { incarnation, sequence } });
    const first = at(older, 8, 2_000);
    const second = at(older, 9, 1_000);
    const third = at(newer, 0, 3_000);
    const [unplaced, later1] = [died({ key: "m", createdAt: 1_000 }), died({ key: "m", createdAt: 2_000 })];
    await buryAll(storage, later1, third, second, unplaced, first);
    const inOrder = [first, second, third, unplaced, later1].map(({ envelope }) => envelope.id);
    expect(await chosenIds(storage)).toEqual(inOrder);
    expect(await chosenIds(storage, {}, 2)).toEqual(inOrder.slice(0, 2));
    expect(await chosenIds(storage, { group: "shipping" })).toEqual([]);
    const { now } = await storage.deadLetters.choose({ group: "shipping" }, 1);
    expect(now).toBeGreaterThan(0);
  });

  test("a retried message is parked under its next delivery number, and the act is recorded with it", async () => {
    const { storage } = await open();
    const position = { incarnation: randomUUID(), sequence: 4 };
    const letter = died({ position });
    await buryAll(storage, letter);
    const { deadLetterId } = await onlyLetter(storage);
    expect(await retry(storage)).toBe(1);
    expect(await onlyLetter(storage)).toMatchObject({ state: "retrying", delivery: 1, deaths: 1 });
    const row = await takeOne(storage);
    expect(row).toMatchObject({ delivery: 1, attempts: 0, stage: "handle", order: "blocking", error: null });
    expect(row?.envelope).toMatchObject({ id: letter.envelope.id, position });
    const { id: messageId, topic } = letter.envelope;
    const audited = { act: "retry", by: "ada", reason: "fixed in 1.2", deadLetterId, messageId, topic };
    expect(await storage.deadLetters.audit(10)).toMatchObject([{ ...audited, delivery: 1, before: null }]);
  });

  test("a retry that rolls back leaves letter, parked messages and audit as they were", async () => {
    const { storage } = await open();
    await buryAll(storage, died());
    const { now, chosen } = await storage.deadLetters.choose({}, 10);
    await rolledBack(storage, async (tx) => {
      await storage.deadLetters.retry(
        tx,
        chosen.map((one) => ({ ...one, dueAt: now })),
        ACT,
      );
    });
    expect(await onlyLetter(storage)).toMatchObject({ state: "dead", delivery: 0 });
    expect(await takeOne(storage)).toBeNull();
    expect(await storage.deadLetters.audit(10)).toEqual([]);
  });

  test("of two retries at the same time the second waits, and finds nothing to retry", async () => {
    const { storage } = await open();
    await buryAll(storage, died(), died({ key: "other" }));
    const { now, chosen } = await storage.deadLetters.choose({}, 10);
    const due = chosen.map((one) => ({ ...one, dueAt: now }));
    const first = await hold(storage);
    expect(await storage.deadLetters.retry(first.tx, due, ACT)).toHaveLength(2);
    const second = storage.transaction((tx) => storage.deadLetters.retry(tx, due.toReversed(), ACT));
    expect(await staysPending(second)).toBe(true);
    await first.commit();
    expect(await second).toEqual([]);
    expect(await storage.deadLetters.audit(10)).toHaveLength(2);
    expect(await storage.parked.count(10)).toEqual([{ group: "billing", reason: "delayed", count: 2 }]);
  });

  test("a letter that died again after it was chosen is not retried for the old choice", async () => {
    const { storage } = await open();
    const letter = died();
    await buryAll(storage, letter);
    const { now, chosen } = await storage.deadLetters.choose({}, 10);
    await retry(storage);
    await takeOne(storage, (tx, { parkedId }) => storage.parked.remove(tx, parkedId));
    await buryAll(storage, letter);
    const due = chosen.map((one) => ({ ...one, dueAt: now }));
    expect(await storage.transaction((tx) => storage.deadLetters.retry(tx, due, ACT))).toEqual([]);
    expect(await retry(storage)).toBe(1);
    expect(await onlyLetter(storage)).toMatchObject({ delivery: 2, deaths: 2 });
  });

  test("a message that is parked anyway is left to that", async () => {
    const { storage } = await open();
    const letter = died();
    await buryAll(storage, letter);
    await parkAll(storage, newParked({ envelope: letter.envelope }));
    expect(await retry(storage)).toBe(0);
    expect(await onlyLetter(storage)).toMatchObject({ state: "dead", delivery: 0 });
  });

  test("a retried message that ran has recovered; one that died again is dead again", async () => {
    const { storage } = await open();
    const letter = died();
    await buryAll(storage, letter);
    await retry(storage);
    await takeOne(storage, async (tx, { parkedId }) => {
      await storage.parked.remove(tx, parkedId);
      await storage.deadLetters.bury(tx, { ...letter, attempts: 5 });
    });
    expect(await onlyLetter(storage)).toMatchObject({ state: "dead", deaths: 2, attemptsTotal: 17 });
    await retry(storage);
    await takeOne(storage, (tx, { parkedId }) => storage.parked.remove(tx, parkedId));
    expect(await onlyLetter(storage)).toMatchObject({ state: "recovered", delivery: 2 });
    expect(await retry(storage, { states: ["dead", "recovered"] })).toBe(0);
  });

  test("retried messages that are not due hold up nobody of their key", async () => {
    const { storage } = await open();
    await buryAll(storage, died());
    await retry(storage, {}, { inMs: 3_600_000 });
    expect(await takeOne(storage)).toBeNull();
    expect(await claim(storage, claimOf(newEnvelope(), { ordered: true }))).toBe("claimed");
    await parkAll(storage, newParked());
    expect(await takeOne(storage)).toMatchObject({ delivery: 0 });
  });

  test("in blocking order retried messages run in their order behind what is parked of their key", async () => {
    const bed = await open();
    const { storage } = bed;
    const letters = [1, 2].map((createdAt) => died({ createdAt }));
    await buryAll(storage, ...letters.toReversed());
    const before = newParked({ due: { inMs: 80 } });
    await parkAll(storage, before);
    expect(await retry(storage)).toBe(2);
    const ran: string[] = [];
    for (let count = 0; count < 3; count += 1) {
      const row = await later(bed, 80, "a due message", () =>
        takeOne(storage, (tx, { parkedId }) => storage.parked.remove(tx, parkedId)),
      );
      ran.push(row.envelope.id);
    }
    expect(ran).toEqual([before, ...letters].map(({ envelope }) => envelope.id));
  });

  test("whose failure was answered is retried only when that is asked for", async () => {
    const { storage } = await open();
    await buryAll(storage, newDeadLetter({ answered: true }));
    expect(await retry(storage)).toBe(0);
    expect(await retry(storage, {}, { answeredToo: true })).toBe(1);
  });

  test("a discarded letter stays, with who discarded it and why, and can still be retried", async () => {
    const { storage } = await open();
    await buryAll(storage, died());
    const { chosen } = await storage.deadLetters.choose({}, 10);
    const act = { by: "bob", reason: "customer left" };
    const discard = () => storage.transaction((tx) => storage.deadLetters.discard(tx, chosen, act));
    expect(await discard()).toEqual(chosen.map(({ deadLetterId }) => deadLetterId));
    expect(await discard()).toEqual([]);
    const { deadLetterId } = await onlyLetter(storage);
    expect(await storage.deadLetters.audit(10, deadLetterId)).toMatchObject([{ act: "discard", ...act }]);
    expect(await storage.deadLetters.audit(10, deadLetterId + 1)).toEqual([]);
    expect(await storage.deadLetters.groups(10)).toEqual([]);
    expect(await retry(storage, { states: ["discarded"] })).toBe(1);
    expect((await storage.deadLetters.audit(10)).map((row) => row.act)).toEqual(["retry", "discard"]);
    expect(await storage.deadLetters.audit(1)).toHaveLength(1);
  });

  test("an edited letter is retried with its new payload, and the audit keeps both", async () => {
    const { storage } = await open();
    const letter = died({ payload: Uint8Array.of(1) });
    await buryAll(storage, letter);
    const { deadLetterId } = await onlyLetter(storage);
    const change = { payload: Uint8Array.of(2, 0), contentType: "text/plain", version: 3 };
    const edit = () => storage.transaction((tx) => storage.deadLetters.edit(tx, deadLetterId, change, ACT));
    expect(await edit()).toBe(true);
    const [row] = await storage.deadLetters.audit(10);
    expect(row).toMatchObject({ act: "edit", by: "ada", deadLetterId });
    expect([[...(row?.before ?? [])], [...(row?.after ?? [])]]).toEqual([[1], [2, 0]]);
    await retry(storage);
    const retried = await takeOne(storage);
    expect(retried?.envelope).toMatchObject({ contentType: "text/plain", version: 3 });
    expect([...(retried?.envelope.payload ?? [])]).toEqual([2, 0]);
    expect(await edit()).toBe(false);
    expect(await storage.deadLetters.audit(10)).toHaveLength(2);
  });

  test("an outgoing message goes back to the relay without its old position, and recovers when it is published", async () => {
    const { storage } = await open();
    const position = { incarnation: randomUUID(), sequence: 4 };
    const letter = newDeadLetter({ group: OUTGOING, envelope: newEnvelope({ position }) });
    await buryAll(storage, letter);
    const due = async () => (await storage.parked.dueOutgoing(10)).parked;
    const apply = async (change: Parameters<typeof stepOf<Tx>>[1]): Promise<void> => {
      const step = await stepOf(storage, change);
      expect(await storage.relay.apply(await leaseOf(storage), step)).toBe(true);
    };
    await retry(storage);
    const [row, ...others] = await due();
    expect(others).toEqual([]);
    expect(row).toMatchObject({ delivery: 1, envelope: { id: letter.envelope.id, position: null } });
    await apply({ parked: [{ kind: "dead", parkedId: row?.parkedId ?? -1, letter }] });
    expect(await onlyLetter(storage)).toMatchObject({ state: "dead", deaths: 2, delivery: 1 });
    await retry(storage);
    const [again] = await due();
    await apply({ parked: [{ kind: "published", parkedId: again?.parkedId ?? -1 }] });
    expect(await onlyLetter(storage)).toMatchObject({ state: "recovered", delivery: 2 });
  });
}

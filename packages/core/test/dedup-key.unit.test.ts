import { expect, test } from "vitest";
import { createBed, Placed, Reserved } from "./support/bed.ts";
import { eventually } from "./support/eventually.ts";

const REMINDER = { order: "a", no: 1 };

test("of the messages with one dedupKey only the first arrives, and the others answer its id", async () => {
  const { waybill, storage } = createBed();
  const seen: string[] = [];
  waybill.consumer("mail").on(Placed, (_placed, { message }) => void seen.push(message.id));
  await waybill.start();
  const sent = [];
  for (const no of [1, 2, 3]) {
    sent.push(
      await storage.transaction((tx) =>
        waybill.send(tx, Placed, { order: "a", no }, { dedupKey: "reminder 2026-11-22" }),
      ),
    );
  }
  const other = await storage.transaction((tx) =>
    waybill.send(tx, Placed, REMINDER, { dedupKey: "another" }),
  );
  const id = sent[0]?.id ?? "";
  expect(sent).toEqual([
    { id, duplicate: false },
    { id, duplicate: true },
    { id, duplicate: true },
  ]);
  await eventually("both kinds arrived", () => seen.length >= 2);
  await waybill.stop();
  expect(seen).toEqual([id, other.id]);
});

test("a key that was claimed by a transaction that rolled back is free", async () => {
  const { waybill, storage } = createBed();
  const failing = storage.transaction(async (tx) => {
    await waybill.send(tx, Placed, REMINDER, { dedupKey: "k" });
    throw new Error("mine");
  });
  await expect(failing).rejects.toThrow("mine");
  const sent = await storage.transaction((tx) => waybill.send(tx, Placed, REMINDER, { dedupKey: "k" }));
  expect(sent.duplicate).toBe(false);
});

test("sendMany gives each message its key", async () => {
  const { waybill, storage } = createBed();
  const send = (...numbers: number[]) =>
    storage.transaction((tx) =>
      waybill.sendMany(
        tx,
        Placed,
        numbers.map((no) => ({ order: "a", no })),
        { dedupKey: ({ no }) => `no ${no}` },
      ),
    );
  const first = await send(1, 2, 1);
  expect(first.map(({ duplicate }) => duplicate)).toEqual([false, false, true]);
  expect(first[2]?.id).toBe(first[0]?.id);
  const second = await send(2, 3);
  expect(second.map(({ duplicate }) => duplicate)).toEqual([true, false]);
  expect(second[0]?.id).toBe(first[1]?.id);
  const { rows } = await storage.outbox.openWindow("1:1:", 10);
  expect(rows.map(({ envelope }) => envelope.id)).toEqual([first[0]?.id, first[1]?.id, second[1]?.id]);
});

test("handlers send with a key, too, and topics have keys of their own", async () => {
  const { waybill, place } = createBed();
  const answers: boolean[] = [];
  const reserved: string[] = [];
  waybill.consumer("stock").on(Placed, async ({ order }, { send }) => {
    answers.push((await send(Reserved, { order }, { dedupKey: order })).duplicate);
  });
  waybill.consumer("mail").on(Reserved, ({ order }) => void reserved.push(order));
  await waybill.start();
  await place("a", 1, 2);
  await place("b", 1);
  await eventually("all were handled", () => answers.length === 3 && reserved.length >= 2);
  await waybill.stop();
  expect(answers.filter((duplicate) => duplicate)).toHaveLength(1);
  expect(reserved.toSorted()).toEqual(["a", "b"]);
});

test.each(["", "x".repeat(513), 7 as unknown as string])(
  "a key that is no key is refused: %o",
  async (key) => {
    const { waybill, storage } = createBed();
    const refused = { code: "OPTIONS_INVALID" };
    const one = storage.transaction((tx) => waybill.send(tx, Placed, REMINDER, { dedupKey: key }));
    await expect(one).rejects.toMatchObject(refused);
    const many = storage.transaction((tx) =>
      waybill.sendMany(tx, Placed, [REMINDER], { dedupKey: () => key }),
    );
    await expect(many).rejects.toMatchObject(refused);
    expect((await storage.outbox.openWindow("1:1:", 10)).rows).toEqual([]);
  },
);

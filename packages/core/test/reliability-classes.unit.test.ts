import { expect, expectTypeOf, test } from "vitest";
import type { MemoryTransaction, Publisher, Waybill } from "../src/index.ts";
import { createBed, Placed } from "./support/bed.ts";

const PAYLOAD = { order: "a", no: 1 };

/** Never run: that it compiles is what it shows. Each line would be one class taken for another. */
function mistakes(
  waybill: Waybill<MemoryTransaction>,
  publisher: Publisher,
  tx: MemoryTransaction,
): unknown[] {
  return [
    // @ts-expect-error -- a reliable message needs its transaction
    waybill.send(Placed, PAYLOAD),
    // @ts-expect-error -- the storage is no transaction
    waybill.send(createBed().storage, Placed, PAYLOAD),
    // @ts-expect-error -- neither is a publisher, whose messages have no outbox
    waybill.send(publisher, Placed, PAYLOAD),
    // @ts-expect-error -- a confirmed message has no transaction it could belong to
    publisher.confirmed(tx, Placed, PAYLOAD),
    // @ts-expect-error -- nor has a rapid one
    publisher.rapid(tx, Placed, PAYLOAD),
    // @ts-expect-error -- what is published past the outbox cannot be delayed by it
    publisher.confirmed(Placed, PAYLOAD, { delayMs: 1_000 }),
    // @ts-expect-error -- nor de-duplicated
    publisher.rapid(Placed, PAYLOAD, { dedupKey: "k" }),
    // @ts-expect-error -- a publisher cannot stand in where a handler sends reliably
    publisher satisfies Pick<Waybill<MemoryTransaction>, "send">,
  ];
}

test("no reliability class can be taken for another: each mistake is an error of the compiler", () => {
  expect(mistakes).toBeTypeOf("function");
  expectTypeOf<Parameters<Waybill<MemoryTransaction>["send"]>[0]>().not.toEqualTypeOf<Publisher>();
  expectTypeOf<keyof Publisher>().not.toEqualTypeOf<keyof Waybill<MemoryTransaction>>();
});

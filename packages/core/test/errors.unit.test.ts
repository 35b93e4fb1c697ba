import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { createWaybill, ERROR_CODES, isWaybillError, memoryStorage, WaybillError } from "../src/index.ts";
import { createBed, Placed } from "./support/bed.ts";

test("every error code has its paragraph in docs/errors.md, and no other has", async () => {
  const page = await readFile(new URL("../../../docs/errors.md", import.meta.url), "utf8");
  const documented = [...page.matchAll(/^### `([A-Z_]+)`$/gm)].map(([, code]) => code);
  expect(documented).toHaveLength(ERROR_CODES.length);
  expect(new Set(documented)).toEqual(new Set(ERROR_CODES));
});

test("isWaybillError tells the codes apart and believes copies of the package", () => {
  const error = new WaybillError("UNROUTABLE", "x", { cause: new Error("y") });
  expect(isWaybillError(error)).toBe(true);
  expect(isWaybillError(error, "UNROUTABLE")).toBe(true);
  expect(isWaybillError(error, "LEASE_LOST")).toBe(false);
  expect(error.retryable).toBe(true);
  expect(isWaybillError(new Error("x"))).toBe(false);
});

test.each([
  ["an unknown option", { retyr: 1 }, /retyr/],
  ["a source that is no name", { source: "a b" }, /source/],
  ["something that is no broker", { broker: {} }, /nativeBroker/],
])("createWaybill refuses %s and says which", (_name, options, expected) => {
  const all = { source: "orders", storage: memoryStorage(), ...options } as unknown as Parameters<
    typeof createWaybill
  >[0];
  expect(() => createWaybill(all)).toThrow(
    expect.objectContaining({ code: "OPTIONS_INVALID", message: expect.stringMatching(expected) }),
  );
});

test("an unknown option of send is refused and leaves nothing", async () => {
  const { waybill, storage } = createBed();
  await storage.transaction(async (tx) => {
    const options = { delay: 5 } as unknown as { delayMs: number };
    await expect(waybill.send(tx, Placed, { order: "a", no: 1 }, options)).rejects.toMatchObject({
      code: "OPTIONS_INVALID",
    });
  });
  expect((await storage.outbox.openWindow("1:1:", 10)).rows).toEqual([]);
});

test("another source than the schema's is refused", async () => {
  const storage = memoryStorage({ source: "billing" });
  const { waybill } = createBed({ storage });
  await expect(waybill.start({ relay: false, consumers: false })).rejects.toMatchObject({
    code: "SOURCE_MISMATCH",
  });
});

test("a process without broker can send but not consume", () => {
  const waybill = createWaybill({ source: "orders", storage: memoryStorage() });
  expect(() => waybill.consumer("stock")).toThrow(expect.objectContaining({ code: "NOT_STARTED" }));
});

test("a second handler for a topic is refused", () => {
  const { waybill } = createBed();
  waybill.consumer("stock").on(Placed, () => undefined);
  expect(() => waybill.consumer("stock").on(Placed, () => undefined)).toThrow(
    expect.objectContaining({ code: "OPTIONS_INVALID" }),
  );
});

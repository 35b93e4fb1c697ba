import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { testFolder } from "@waybill/services/vitest";
import { describe, expect, test } from "vitest";
import type * as fixtureTypes from "./fixtures/decorators/payment-service.ts";
import { createWaybill, memoryStorage, methodDecorators } from "../src/index.ts";

type Fixture = typeof fixtureTypes;

const root = join(import.meta.dirname, "../../..");
const fixture = "packages/core/test/fixtures/decorators";
const tsc = join(createRequire(import.meta.url).resolve("typescript/package.json"), "../bin/tsc");

/** Compiles the fixture as a user's project does, which also checks its types, and loads what came out. */
async function compiled(flags: readonly string[]): Promise<Fixture> {
  const outDir = testFolder();
  const args = [tsc, "-p", join(root, fixture), "--outDir", outDir, "--pretty", "false", ...flags];
  await promisify(execFile)(process.execPath, args).catch((error: { stdout: string }) => {
    throw new Error(error.stdout);
  });
  const url = pathToFileURL(join(outDir, fixture, "payment-service.js")).href;
  return (await import(/* @vite-ignore */ url)) as Fixture;
}

describe.each([
  ["standard decorators", []],
  ["experimentalDecorators", ["--experimentalDecorators"]],
])("%s", (_name, flags) => {
  test("a decorated method has its effects once, keeps its this and arguments, and joins transactions", async () => {
    const { paymentService, injectedService } = await compiled(flags);
    const storage = memoryStorage();
    const waybill = createWaybill({ source: "orders", storage });
    const service = paymentService(waybill);
    const event = { eventId: "evt_1", order: "a" };

    await expect(service.pay(event, true)).rejects.toThrow("declined");
    expect([await service.pay(event), await service.pay(event)]).toEqual(["receipt 1", undefined]);
    expect([await service.payAndTell(event), await service.payAndTell(event)]).toEqual([
      { receipt: 2 },
      { receipt: 2 },
    ]);
    expect(storage.committed("a")).toBe(2);

    await service.payTwice("b");
    await service.payTwice("b");
    expect(storage.committed("b")).toBe(2);
    await expect(service.payTwice("fails")).rejects.toThrow("declined");
    expect(storage.committed("fails")).toBeUndefined();

    const { service: injected } = injectedService(waybill, methodDecorators);
    await injected.payBoth({ eventId: "evt_2", order: "c" }, { eventId: "evt_2", order: "c" });
    expect(storage.committed("c")).toBe(1);
    expect([service.pay.name, injected.payBoth.name]).toEqual(["pay", "payBoth"]);
  });
});

test("on anything but a method a decorator is refused", () => {
  const { transactional } = createWaybill({ source: "orders", storage: memoryStorage() });
  const decorate = transactional() as unknown as (...args: unknown[]) => unknown;
  const refusal = expect.objectContaining({ code: "OPTIONS_INVALID" }) as Error;
  const Service = function Service(): void {};
  expect(() => decorate(Service, { kind: "class" })).toThrow(refusal);
  expect(() => decorate(Service)).toThrow(refusal);
  expect(() => decorate(undefined, { kind: "field" })).toThrow(refusal);
  expect(() => decorate(Service.prototype, "field", undefined)).toThrow(refusal);
});

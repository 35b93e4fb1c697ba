import { expect, test } from "vitest";
import type { DemoBroker } from "../demo/broker/demo-broker.ts";
import type { DemoOptions } from "../demo/flags.ts";
import { victimsOf } from "../demo/kills/victims.ts";

const options: DemoOptions = { orders: 500, kills: 2, broker: "kafka", json: false, sabotage: null };
const broker: DemoBroker = {
  where: "",
  env: {},
  workers: 2,
  server: { kill: () => Promise.resolve(), start: () => Promise.resolve() },
  [Symbol.asyncDispose]: () => Promise.resolve(),
};

test("a server of the demo's own is killed once, between the workers", () => {
  expect(victimsOf(options, broker)).toEqual(["worker", "broker", "worker"]);
  expect(victimsOf({ ...options, kills: 1 }, broker)).toEqual(["worker", "broker"]);
});

test("a server that somebody else uses too is left alone", () => {
  expect(victimsOf(options, { ...broker, server: null })).toEqual(["worker", "worker"]);
});

test("without kills nothing is killed", () => {
  expect(victimsOf({ ...options, kills: 0 }, broker)).toEqual([]);
});

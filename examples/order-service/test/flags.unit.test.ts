import { expect, test } from "vitest";
import { BROKER_KINDS } from "../demo/broker/broker-kinds.ts";
import { parseFlags, SABOTAGES } from "../demo/flags.ts";

test("without options it runs with the defaults", () => {
  expect(parseFlags([])).toEqual({
    kind: "run",
    options: { orders: 500, kills: 2, broker: "native", json: false, sabotage: null },
  });
});

test("every option is read", () => {
  expect(parseFlags(["--orders", "200", "--kills=3", "--json", "--sabotage", "swap"])).toEqual({
    kind: "run",
    options: { orders: 200, kills: 3, broker: "native", json: true, sabotage: "swap" },
  });
});

test.each(SABOTAGES)("--sabotage %s is known", (sabotage) => {
  expect(parseFlags(["--sabotage", sabotage])).toMatchObject({ kind: "run", options: { sabotage } });
});

test.each(BROKER_KINDS)("--broker %s is known", (broker) => {
  expect(parseFlags(["--broker", broker])).toMatchObject({ kind: "run", options: { broker } });
});

test("--help comes before everything that is wrong", () => {
  expect(parseFlags(["--help", "--orders", "none"])).toEqual({ kind: "help" });
});

test.each([
  [["--oders", "5"], "--oders"],
  [["500"], "500"],
  [["--orders"], "--orders"],
  [["--orders", "0"], "1 to 100000"],
  [["--orders", "1e3"], "whole number"],
  [["--orders", "-1"], "--orders"],
  [["--kills", "21"], "0 to 20"],
  [["--broker", "rabbit"], "native, rabbitmq, kafka"],
  [["--broker", "kafka", "--sabotage", "lose"], "--broker native"],
  [["--sabotage", "burn"], "lose, orphan, double, swap"],
  [["--sabotage", "lose", "--kills", "0"], "--kills 1 or more"],
  [["--sabotage", "lose", "--orders", "100"], "--orders 120 or more"],
])("%j is refused, and it says why", (args, why) => {
  const flags = parseFlags(args);
  expect(flags.kind).toBe("refused");
  expect(flags.kind === "refused" && flags.why).toContain(why);
});

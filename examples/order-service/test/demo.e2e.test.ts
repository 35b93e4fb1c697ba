import { requirePart, startPostgres, waitFor } from "@waybill/services";
import { Client } from "pg";
import { describe, expect, test } from "vitest";
import { SABOTAGES, type Sabotage } from "../demo/flags.ts";
import { expectNothingLeft, startDemo } from "./start-demo.ts";

const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;

test("through two kills of the worker nothing is lost, invented, doubled or overtaken", async () => {
  const demo = startDemo(["--orders", "90", "--json"]);
  expect(await demo.exited, demo.output()).toBe(0);
  const result = demo.json();
  expect(result).toMatchObject({ lost: 0, orphans: 0, doubleEffects: 0, outOfOrder: 0, kills: 2 });
  const count = (name: string): number => result[name] as number;
  expect(count("placed") + count("rolledBack")).toBe(90);
  expect(count("confirmed") + count("rejected")).toBe(count("placed"));
  for (const name of ["rolledBack", "confirmed", "rejected"]) expect(count(name), name).toBeGreaterThan(0);
  expect(count("committedMessages")).toBeGreaterThan(2 * count("placed"));
  expect(count("seconds")).toBeGreaterThan(0);
  expectNothingLeft(demo);
});

describe("a saboteur is found out", () => {
  const found: Readonly<Record<Sabotage, { readonly counter: string; readonly what: RegExp }>> = {
    lose: { counter: "lost", what: /lost: order (o-\d+): .*missing the message order\.placed/ },
    orphan: { counter: "orphans", what: /orphan: order o-forged: it was never committed/ },
    double: { counter: "doubleEffects", what: /double effect: order o-\d+: a charge is there 2 times/ },
    swap: {
      counter: "outOfOrder",
      what: /out of order: customer c-\d+: inventory handled .* after order o-\d+/,
    },
  };

  test.each(SABOTAGES)("--sabotage %s", async (sabotage) => {
    const demo = startDemo(["--orders", "80", "--kills", "1", "--json", "--sabotage", sabotage]);
    expect(await demo.exited, demo.output()).toBe(1);
    const { lost, orphans, doubleEffects, outOfOrder } = demo.json();
    const wrong = Object.entries({ lost, orphans, doubleEffects, outOfOrder }).filter(
      ([, count]) => count !== 0,
    );
    expect(wrong.map(([name]) => name)).toEqual([found[sabotage].counter]);
    expect(demo.output()).toMatch(found[sabotage].what);
    expect(demo.output()).toContain("BAD");
    expectNothingLeft(demo);
  });
});

describe("an interrupted demo leaves nothing behind", () => {
  test.each([
    ["SIGINT", "while PostgreSQL starts", "Waybill demo"],
    ["SIGTERM", "while the processes start", "tables migrated"],
    ["SIGINT", "while orders flow", "HTTP service and worker are up"],
    ["SIGINT", "while a worker is being replaced", "worker killed"],
  ] as const)("%s %s", async (signal, _when, text) => {
    const demo = startDemo(["--orders", "400"]);
    await demo.printed(text);
    demo.kill(signal);
    expect(await demo.exited, demo.output()).toBe(130);
    expectNothingLeft(demo);
  });

  test("Ctrl-C, which reaches its children, too", async () => {
    const demo = startDemo(["--orders", "400"], { group: true });
    await demo.printed("HTTP service and worker are up");
    demo.kill("SIGINT");
    expect(await demo.exited, demo.output()).toBe(130);
    expectNothingLeft(demo);
  });

  test("SIGKILL: its children notice and end", async () => {
    const demo = startDemo(["--orders", "400"]);
    await demo.printed("HTTP service and worker are up");
    expect(demo.processes().length).toBeGreaterThan(3);
    demo.kill("SIGKILL");
    await demo.exited;
    const still = (): string => `these to end:\n${demo.processes().join("\n")}`;
    await waitFor(() => demo.processes().length === 0, { deadlineMs: 30_000, describe: still });
  });
});

const whyNotRoot = isRoot ? undefined : "only root can run it as somebody else";
test.runIf(requirePart("root", whyNotRoot))("it also runs as an ordinary user", async () => {
  const demo = startDemo(["--orders", "30", "--kills", "1"], { uid: NOBODY });
  expect(await demo.exited, demo.output()).toBe(0);
  expectNothingLeft(demo);
});

test("on a server of DATABASE_URL it makes a database of its own and drops it", async () => {
  await using server = await startPostgres({ embedded: true });
  const demo = startDemo(["--orders", "30", "--kills", "0"], { databaseUrl: server.url });
  expect(await demo.exited, demo.output()).toBe(0);
  expect(demo.output()).toContain("DATABASE_URL");
  expect(await databasesOf(server.url)).toEqual(["postgres"]);
  expectNothingLeft(demo);
});

test("it refuses what it does not know, and explains itself", async () => {
  const refused = startDemo(["--oders", "5"]);
  expect(await refused.exited).toBe(2);
  expect(refused.output()).toContain("--oders");
  const help = startDemo(["--help"]);
  expect(await help.exited).toBe(0);
  expect(help.output()).toContain("--sabotage KIND");
});

async function databasesOf(url: string): Promise<string[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ datname: string }>(
      "SELECT datname FROM pg_database WHERE NOT datistemplate",
    );
    return rows.map(({ datname }) => datname);
  } finally {
    await client.end();
  }
}

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createWaybill } from "@waybill/core";
import { inTransaction, migrate, postgresStorage } from "@waybill/postgres";
import { waitFor } from "@waybill/services";
import { testDatabase, testFolder, testProcess } from "@waybill/services/vitest";
import { Pool } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Greeted } from "./fixtures/greeted.ts";

const MAIN = new URL("../src/main.ts", import.meta.url);
const CONFIG = new URL("fixtures/worker.config.ts", import.meta.url).pathname;

const database = testDatabase({
  prepare: async (url) => {
    await migrate({ connectionString: url }, { source: "greetings" });
  },
});
let pool: Pool;
beforeAll(async () => {
  pool = new Pool({ connectionString: database.url, max: 3 });
  await pool.query("create table guest (name text not null)");
});
afterAll(() => pool.end());

async function greet(name: string): Promise<void> {
  await using waybill = createWaybill({ source: "greetings", storage: postgresStorage({ pool }) });
  await inTransaction(pool, async (tx) => {
    await waybill.send(tx, Greeted, { name });
  });
}

async function guests(): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>("select name from guest order by name");
  return rows.map(({ name }) => name);
}

test("a module's Waybill runs with its consumers, and ends in order on SIGTERM", async () => {
  const env = { DATABASE_URL: database.url, DATA_DIR: testFolder() };
  const worker = testProcess(MAIN, ["worker", "--config", CONFIG], { env });
  await worker.ready();
  await greet("ada");
  await waitFor(async () => (await guests()).length === 1, { describe: () => worker.output.join("\n") });
  worker.kill("SIGTERM");
  expect(await worker.exited).toEqual({ code: 0, signal: null });
  const events = worker.lines.map(({ event }) => event);
  expect(events).toEqual(expect.arrayContaining(["ready", "stopping", "stopped"]));
});

test("it ends after it has stopped, although the module keeps a connection of its own", async () => {
  const config = join(testFolder(), "keeping.config.ts");
  await writeFile(
    config,
    `export { waybill } from ${JSON.stringify(CONFIG)};\nsetInterval(() => undefined, 1_000);\n`,
  );
  const env = { DATABASE_URL: database.url, DATA_DIR: testFolder() };
  const worker = testProcess(MAIN, ["worker", "--config", config], { env });
  await worker.ready();
  worker.kill("SIGTERM");
  expect(await worker.exited).toEqual({ code: 0, signal: null });
  expect(worker.lines.at(-1)).toMatchObject({ event: "stopped" });
});

test("plain data runs a relay alone, apart from the consumers", async () => {
  const folder = testFolder();
  const config = join(folder, "relay.json");
  const broker = { native: { dataDir: join(folder, "broker") } };
  await writeFile(config, JSON.stringify({ source: "greetings", broker, relay: { leaseMs: 500 } }));
  const worker = testProcess(MAIN, ["worker", "-c", config], { env: { DATABASE_URL: database.url } });
  await worker.ready();
  await worker.line(({ type }) => type === "relay.leading");
  await greet("nobody's");
  await worker.line(({ type, error }) => type === "message.parked" && String(error).includes("greeted"));
  worker.kill("SIGINT");
  expect(await worker.exited).toEqual({ code: 0, signal: null });
});

test.each([
  ["a file that is not there", "nowhere.ts", undefined, /nowhere\.ts cannot be loaded/],
  ["an unknown entry", "wrong.json", { source: "a", brokr: {} }, /brokr/],
  ["no database", "bare.json", { source: "a", broker: { native: { dataDir: "x" } } }, /DATABASE_URL/],
])("%s is refused with the name of what is wrong", async (_name, file, content, message) => {
  const config = join(testFolder(), file);
  if (content !== undefined) await writeFile(config, JSON.stringify(content));
  const worker = testProcess(MAIN, ["worker", "-c", config], { env: { DATABASE_URL: undefined } });
  expect(await worker.exited).toMatchObject({ code: 2 });
  expect(worker.output.join("\n")).toMatch(message);
});

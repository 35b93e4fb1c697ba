import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { migrate, postgresStorage } from "@waybill/postgres";
import { testDatabase } from "@waybill/services/vitest";
import { Pool } from "pg";
import { expect, onTestFinished, test } from "vitest";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const database = testDatabase({
  prepare: async (connectionString) => {
    await migrate({ connectionString }, { source: "orders" });
  },
});

async function waybill(...args: string[]): Promise<string> {
  const env = { ...process.env, DATABASE_URL: database.url };
  const node = ["--conditions=waybill-source", MAIN, ...args];
  const { stdout } = await promisify(execFile)(process.execPath, node, { env });
  return stdout;
}

test("waybill rebase has the next relay start a new incarnation, and refuses another source", async () => {
  const pool = new Pool({ connectionString: database.url });
  onTestFinished(() => pool.end());
  const { relay } = postgresStorage({ pool });
  await relay.acquire("relay", 1_000);
  expect(await waybill("rebase", "--source", "orders")).toMatch(/new incarnation/);
  expect(await relay.acquire("relay", 1_000)).toMatchObject({
    lease: { renewedBecause: "waybill rebase was run" },
  });
  await expect(waybill("rebase", "--source", "billing")).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^SOURCE_MISMATCH/) as string,
  });
  expect(await waybill("rebase", "--help")).toMatch(/disk snapshot/);
});

import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { testDatabase } from "@waybill/services/vitest";
import { describe, expect, test } from "vitest";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));

async function waybill(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { DATABASE_URL: _url, ...rest } = process.env;
  const child = spawn(process.execPath, ["--conditions=waybill-source", MAIN, ...args], {
    env: { ...rest, ...env },
  });
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
  return { out, err, code };
}

describe("waybill migrate", () => {
  const database = testDatabase();

  test("goes up, tells how it stands, and goes down", async () => {
    const env = { DATABASE_URL: database.url };
    const pending = await waybill(["migrate", "status"], env);
    expect(pending).toMatchObject({
      code: 1,
      out: expect.stringMatching(/001_settings +pending[^]*migrate up/) as string,
    });
    const up = await waybill(["migrate", "up", "--source", "orders", "--database-url", database.url]);
    expect(up).toMatchObject({
      code: 0,
      err: "",
      out: expect.stringMatching(/applied 001_settings[^]*ready for source orders/) as string,
    });
    expect(await waybill(["migrate", "up", "--source", "orders"], env)).toMatchObject({
      code: 0,
      out: "Schema waybill is up to date.\n",
    });
    expect(await waybill(["migrate", "status"], env)).toMatchObject({ code: 0 });
    const foreign = await waybill(["migrate", "up", "--source", "billing"], env);
    expect(foreign).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^SOURCE_MISMATCH: .*orders/) as string,
    });
    expect(await waybill(["migrate", "down", "--source", "orders"], env)).toMatchObject({
      code: 2,
      err: expect.stringMatching(/--yes/) as string,
    });
    expect(await waybill(["migrate", "down", "--source", "orders", "--yes"], env)).toMatchObject({
      code: 0,
      out: expect.stringMatching(/took back 001_settings/) as string,
    });
  });

  test("prints plain SQL and grants without a database", async () => {
    const up = await waybill(["migrate", "sql", "--source", "orders", "--schema", "box"]);
    expect(up).toMatchObject({
      code: 0,
      out: expect.stringMatching(/create table "box"\.outbox /) as string,
    });
    const down = await waybill(["migrate", "sql", "--source", "orders", "--down"]);
    expect(down).toMatchObject({
      code: 0,
      out: expect.stringMatching(/drop table "waybill"\.outbox/) as string,
    });
    const grants = await waybill(["migrate", "grants", "--producer", "shop"]);
    expect(grants).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^grant insert on "waybill"\.outbox, .* to "shop";$/m) as string,
    });
    expect(await waybill(["migrate", "grants"])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^OPTIONS_INVALID/) as string,
    });
  });

  test("says what is wrong and exits with 2 for wrong usage, 1 for an unreachable database", async () => {
    expect(await waybill(["migrate", "up"])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/--source/) as string,
    });
    expect(await waybill(["migrate", "up", "--source", "orders"])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/--database-url/) as string,
    });
    expect(await waybill(["migrate", "up", "--source", "a b", "-d", database.url])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^OPTIONS_INVALID/) as string,
    });
    const nowhere = await waybill(["migrate", "up", "--source", "orders", "-d", "postgres://127.0.0.1:1/x"]);
    expect(nowhere).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^STORAGE_UNAVAILABLE: .*ECONNREFUSED/) as string,
    });
    expect(await waybill(["migrate", "--help"])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/Examples:/) as string,
    });
  });
});

import { isRunning, requirePart, startPgBouncer, waitFor, whyNoPgBouncer } from "@waybill/services";
import { testDatabase, testProcess } from "@waybill/services/vitest";
import { existsSync, statSync } from "node:fs";
import { Client } from "pg";
import { describe, expect, test } from "vitest";

describe.runIf(requirePart("pgbouncer", whyNoPgBouncer()))("PgBouncer", () => {
  const database = testDatabase();

  async function ask(client: Client, sql: string): Promise<unknown> {
    const { rows } = await client.query<Record<string, unknown>>(sql);
    return Object.values(rows[0] ?? {})[0];
  }

  test("gives one connection another session for each transaction, and is gone with its files after stop", async () => {
    await using bouncer = await startPgBouncer({ postgresUrl: database.url, poolSize: 2 });
    const client = new Client({ connectionString: bouncer.url });
    const other = new Client({ connectionString: bouncer.url });
    await Promise.all([client.connect(), other.connect()]);
    // With a transaction open, the pooler has to open its second session; from then on it alternates.
    await other.query("begin");
    await other.query("select 1");
    const first = await ask(client, "select pg_backend_pid()");
    await other.query("rollback");
    const seen = new Set([first]);
    for (let look = 0; look < 4; look += 1) seen.add(await ask(client, "select pg_backend_pid()"));
    expect(seen.size).toBe(2);
    expect(await ask(client, "select current_database()")).toBe(database.name);
    await Promise.all([client.end(), other.end()]);
    expect(isRunning(bouncer.pid)).toBe(true);
    expect(statSync(bouncer.folder).uid, "its user").not.toBe(0);
    await bouncer.stop();
    expect(isRunning(bouncer.pid)).toBe(false);
    expect(existsSync(bouncer.folder)).toBe(false);
  });

  test("does not let anybody in without the password", async () => {
    await using bouncer = await startPgBouncer({ postgresUrl: database.url });
    const url = new URL(bouncer.url);
    url.password = "guess";
    const client = new Client({ connectionString: url.href });
    await expect(client.connect()).rejects.toThrow(/authentication failed/);
  });

  test.each(["SIGTERM", "SIGKILL"] as const)("ends when its process gets %s", async (signal) => {
    const fixture = new URL("fixtures/starts-pgbouncer.ts", import.meta.url);
    const parent = testProcess(fixture, [], { env: { POSTGRES_URL: database.url } });
    const { pid, folder } = await parent.ready();
    expect(isRunning(Number(pid))).toBe(true);
    parent.kill(signal);
    await parent.exited;
    await waitFor(() => !isRunning(Number(pid)) && !existsSync(String(folder)), {
      describe: "the end of PgBouncer",
    });
  });
});

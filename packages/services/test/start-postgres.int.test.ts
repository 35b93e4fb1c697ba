import { execFile } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Client } from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  CERTIFICATE,
  isRunning,
  PRIVATE_KEY,
  startPostgres,
  waitFor,
  type JsonLine,
} from "@waybill/services";
import { testProcess } from "@waybill/services/vitest";
import { isReachableByOthers, postgresUser } from "../src/postgres/postgres-user.ts";

const run = promisify(execFile);
const fixture = new URL("fixtures/starts-postgres.ts", import.meta.url);

test("starts a server of its own that is gone with its data after stop", async () => {
  await using server = await startPostgres({ embedded: true, settings: { deadlock_timeout: "123ms" } });
  await expect(ask(server.url, "SHOW deadlock_timeout")).resolves.toBe("123ms");
  await expect(ask(server.url, "SHOW fsync")).resolves.toBe("on");
  await expect(ask(server.url, "SELECT upper('ä')")).resolves.toBe("Ä");
  const { pid = -1, folder = "" } = server.embedded ?? {};
  expect(isRunning(pid)).toBe(true);
  await server.stop();
  expect(isRunning(pid)).toBe(false);
  expect(existsSync(folder)).toBe(false);
});

test("speaks TLS to who wants it, with the certificate it was given", async () => {
  await using server = await startPostgres({ fsync: false, tls: { cert: CERTIFICATE, key: PRIVATE_KEY } });
  const isEncrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
  await expect(ask(server.url, isEncrypted)).resolves.toBe(false);
  await expect(ask(server.url, isEncrypted, { ca: CERTIFICATE })).resolves.toBe(true);
});

test("does not let anybody in without the password", async () => {
  await using server = await startPostgres({ embedded: true, fsync: false });
  const url = new URL(server.url);
  url.password = "guess";
  await expect(ask(url.href, "SELECT 1")).rejects.toThrow("password authentication failed");
});

test.each(["fast", "crash"] as const)(
  "keeps committed data and its address over a %s restart",
  async (mode) => {
    await using server = await startPostgres({ embedded: true, fsync: false });
    await ask(server.url, "CREATE TABLE kept AS SELECT 42 AS answer");
    const before = server.embedded?.pid;
    await server.restart(mode);
    expect(server.embedded?.pid).not.toBe(before);
    await expect(ask(server.url, "SELECT answer FROM kept")).resolves.toBe(42);
  },
);

test("says why a server does not start", async () => {
  await expect(startPostgres({ embedded: true, settings: { no_such_setting: "1" } })).rejects.toThrow(
    'unrecognized configuration parameter "no_such_setting"',
  );
});

describe("leaves no process and no files behind", () => {
  test.each(["stop", "return", "throw"])("when its process ends by %s", async (end) => {
    const parent = testProcess(fixture, [end]);
    const started = await parent.ready();
    await parent.exited;
    await expectGone(started);
  });

  test.each(["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"] as const)(
    "when its process gets %s",
    async (signal) => {
      const parent = testProcess(fixture, ["hang"]);
      const started = await parent.ready();
      parent.kill(signal);
      await parent.exited;
      await expectGone(started);
    },
  );
});

// As root only: anybody else runs all the tests above in this way. A checkout below a private folder cannot be read.
const user = postgresUser();
const unreadable = user !== undefined && !isReachableByOthers(fileURLToPath(fixture));
test.skipIf(unreadable)("works as an ordinary user", async () => {
  const args = ["--conditions=waybill-source", fileURLToPath(fixture), "stop"];
  const base = isReachableByOthers(join(tmpdir(), "x")) ? tmpdir() : "/tmp";
  const TMPDIR = mkdtempSync(join(base, "waybill-test-"));
  onTestFinished(() => rmSync(TMPDIR, { recursive: true }));
  if (user) chownSync(TMPDIR, user.uid, user.gid);
  const { stdout, stderr } = await run(process.execPath, args, {
    ...user,
    cwd: "/",
    env: { ...process.env, TMPDIR },
  });
  expect(stderr).toBe("");
  const started = JSON.parse(stdout) as JsonLine;
  expect(started["uid"]).toBe(user?.uid ?? process.getuid?.());
  await expectGone(started);
});

async function expectGone(started: JsonLine): Promise<void> {
  const { pid, folder } = started as { pid: number; folder: string };
  await waitFor(() => !isRunning(pid) && !existsSync(folder), {
    describe: () =>
      `the end of ${pid} (running: ${isRunning(pid)}) and ${folder} (there: ${existsSync(folder)})`,
  });
}

async function ask(url: string, sql: string, tls?: { readonly ca: string }): Promise<unknown> {
  const client = new Client({ connectionString: url, ...(tls && { ssl: tls }) });
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(sql);
    return Object.values(rows[0] ?? {})[0];
  } finally {
    await client.end();
  }
}

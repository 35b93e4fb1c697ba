import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  CERTIFICATE,
  OTHER_CERTIFICATE,
  PRIVATE_KEY,
  startPostgres,
  waitFor,
  type PostgresServer,
} from "@waybill/services";
import { testFolder } from "@waybill/services/vitest";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { migrate } from "../src/index.ts";
import { claimOfNew, pastDeadline, sessions, takeParked, withKnex, withPg } from "./support/past-deadline.ts";
import { SOURCE, testPool } from "./support/test-storage.ts";

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres({ fsync: false, tls: { cert: CERTIFICATE, key: PRIVATE_KEY } });
  await migrate({ connectionString: server.url }, { source: SOURCE });
});
afterAll(() => server.stop());

/** The server, for a client that trusts this certificate and speaks nothing but TLS. */
function trusting(certificate: string): string {
  const file = join(testFolder(), "ca.pem");
  writeFileSync(file, certificate);
  return `${server.url}?sslmode=verify-full&sslrootcert=${file}`;
}

test("a server with a certificate of another authority is refused", async () => {
  const pool = testPool(trusting(OTHER_CERTIFICATE), 1);
  await expect(pool.query("select 1")).rejects.toThrow(/certificate/);
});

describe.each([
  ["pg", (url: string, max: number) => pastDeadline(withPg(url, max), ["select pg_sleep(30)", "select 1"])],
  [
    "knex",
    (url: string, max: number) => pastDeadline(withKnex(url, max), ["select pg_sleep(30)", "select 1"]),
  ],
])("a handler past its deadline over TLS, with %s", (_name, late) => {
  test("is cancelled over another connection of the pool, and its transaction goes on", async () => {
    const begun = performance.now();
    const { outcomes } = await late(trusting(CERTIFICATE), 2);
    expect(outcomes).toEqual(["57014", "25P02"]);
    expect(await takeParked(server.url)).toBe(1);
    expect(performance.now() - begun).toBeLessThan(15_000);
  });
});

test("where the pool has no other connection the whole transaction is given up, and its session ends", async () => {
  const { storage, run, pidOf } = withPg(trusting(CERTIFICATE), 1);
  const asked = claimOfNew();
  let pid = 0;
  let isEncrypted: unknown;
  const given = storage.claimed(asked, async (tx) => {
    await storage.savepoint(
      tx,
      async (inner) => {
        pid = await pidOf(inner);
        isEncrypted = await inner.query("select ssl from pg_stat_ssl where pid = $1", [pid]);
        await run(inner, "select pg_sleep(60)");
      },
      { signal: AbortSignal.timeout(300) },
    );
  });
  await expect(given).rejects.toMatchObject({ name: "TimeoutError" });
  expect(isEncrypted).toMatchObject({ rows: [{ ssl: true }] });
  await waitFor(async () => (await sessions(server.url, pid)) === 0);
  expect(await storage.claimed(asked, (_tx, answer) => Promise.resolve(answer))).toBe("claimed");
});

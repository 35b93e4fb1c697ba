import { Client } from "pg";
import { onTestFinished, expect, test } from "vitest";
import { backUpPostgres, startPostgres, waitFor, type PostgresServer } from "../src/index.ts";
import { testFolder } from "../src/vitest/index.ts";

async function connected(server: PostgresServer): Promise<Client> {
  const client = new Client({ connectionString: server.url });
  client.on("error", () => undefined);
  await client.connect();
  onTestFinished(() => client.end().catch(() => undefined));
  return client;
}

async function numbers(client: Client): Promise<number[]> {
  const { rows } = await client.query<{ n: number }>("select n from t order by n");
  return rows.map(({ n }) => n);
}

test("a server from a backup has what was committed before it, and a standby follows until it is promoted", async () => {
  await using primary = await startPostgres({ embedded: true, fsync: false });
  const first = await connected(primary);
  await first.query("create table t (n integer); insert into t values (1)");
  const backup = await backUpPostgres(primary, `${testFolder()}/backup`);
  await first.query("insert into t values (2)");

  await using restored = await startPostgres({ from: backup, fsync: false });
  expect(await numbers(await connected(restored))).toEqual([1]);

  await using standby = await startPostgres({ from: backup, standbyOf: primary, fsync: false });
  const follower = await connected(standby);
  await first.query("insert into t values (3)");
  await waitFor(async () => (await numbers(follower)).length === 3, { describe: "the standby to follow" });
  await expect(follower.query("insert into t values (4)")).rejects.toThrow(/read-only/);
  await follower.query("select pg_promote()");
  await follower.query("insert into t values (4)");
  expect(await numbers(first)).toEqual([1, 2, 3]);
});

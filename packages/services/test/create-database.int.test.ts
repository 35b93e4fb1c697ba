import { Client } from "pg";
import { expect, inject, test } from "vitest";
import { createDatabase } from "@waybill/services";
import { testDatabase } from "@waybill/services/vitest";

const prepared = testDatabase({ prepare: (url) => run(url, "CREATE TABLE present (id int)") });

test("a test database is prepared before the first test", async () => {
  await run(prepared.url, "INSERT INTO present VALUES (1)");
});

test("databases are apart from each other and gone after drop", async () => {
  const server = { url: inject("postgresUrl") };
  await using one = await createDatabase(server);
  await using two = await createDatabase(server);
  await run(one.url, "CREATE TABLE here (id int)");
  await expect(run(two.url, "SELECT * FROM here")).rejects.toThrow('relation "here" does not exist');
  await one.drop();
  await expect(run(one.url, "SELECT 1")).rejects.toThrow(`database "${one.name}" does not exist`);
});

test("a template gives its content to the copy", async () => {
  const server = { url: inject("postgresUrl") };
  await using template = await createDatabase(server);
  await run(template.url, "CREATE TABLE copied (id int)");
  await using copy = await createDatabase(server, { template: template.name });
  await run(copy.url, "INSERT INTO copied VALUES (1)");
});

test("a session that was left open is found and named", async () => {
  await using database = await createDatabase({ url: inject("postgresUrl") });
  const forgotten = new Client({ connectionString: database.url, application_name: "forgotten" });
  await forgotten.connect();
  await expect(database.assertNoSessions()).rejects.toThrow("forgotten");
  await forgotten.end();
  await database.assertNoSessions();
});

async function run(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

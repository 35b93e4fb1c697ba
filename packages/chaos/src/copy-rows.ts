import type { Pool } from "pg";

const TABLES = `select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = any($1) and c.relkind in ('r', 'p') and not c.relispartition order by 1`;
const SEQUENCES = `select format('%I.%I', schemaname, sequencename) as name, last_value from pg_sequences
  where schemaname = any($1) and last_value is not null`;

/**
 * What a dump and its restore do: every row of the schemas goes into the same, emptied tables of another database, as
 * text, and every sequence to its value. What the rows say of transactions is that of the first database then.
 */
export async function copyRows(from: Pool, to: Pool, schemas: readonly string[]): Promise<void> {
  const tables = (await from.query<{ name: string }>(TABLES, [schemas])).rows.map(({ name }) => name);
  await to.query(`truncate ${tables.join(", ")}`);
  for (const table of tables) {
    const { rows } = await from.query<{ rows: string | null }>(
      `select json_agg(t)::text as rows from ${table} t`,
    );
    await to.query(
      `insert into ${table} overriding system value select * from json_populate_recordset(null::${table}, $1)`,
      [rows[0]?.rows ?? "[]"],
    );
  }
  const sequences = await from.query<{ name: string; last_value: string }>(SEQUENCES, [schemas]);
  for (const { name, last_value } of sequences.rows)
    await to.query("select setval($1, $2)", [name, last_value]);
}

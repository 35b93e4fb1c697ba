import { Client } from "pg";

/** What a schema consists of, in an order of its own: columns, constraints, indexes, functions, sequences. */
export async function catalogOf(url: string, schema: string): Promise<string[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ line: string }>(CATALOG, [schema]);
    return rows.map(({ line }) => line.replaceAll(schema, "SCHEMA"));
  } finally {
    await client.end();
  }
}

const CATALOG = `
select format('column %s.%s %s %s %s %s', c.relname, a.attname, a.attnum, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)) as line
from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p')
union all
select format('constraint %s %s', conname, pg_get_constraintdef(oid)) from pg_constraint where connamespace = $1::regnamespace
union all
select format('index %s', pg_get_indexdef(i.indexrelid)) from pg_index i join pg_class c on c.oid = i.indexrelid where c.relnamespace = $1::regnamespace
union all
select format('function %s', pg_get_functiondef(oid)) from pg_proc where pronamespace = $1::regnamespace
union all
select format('sequence %s %s %s %s', c.relname, s.seqcache, s.seqincrement, s.seqmax) from pg_sequence s join pg_class c on c.oid = s.seqrelid where c.relnamespace = $1::regnamespace
union all
select format('partition %s %s', c.relname, pg_get_expr(c.relpartbound, c.oid)) from pg_class c where c.relnamespace = $1::regnamespace and c.relispartition
order by 1`;

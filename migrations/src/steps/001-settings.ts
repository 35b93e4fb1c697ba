import type { Migration } from "../migration.ts";

/** What the schema was made for. One row, written once. */
export const settings: Migration = {
  name: "001_settings",
  up: ({ schema, source, partitions, leafSeconds }) => [
    `create table ${schema}.settings (
  only_row boolean primary key default true check (only_row),
  source text not null,
  partitions integer not null check (partitions between 1 and 4096),
  leaf_seconds integer not null check (leaf_seconds > 0),
  created_at timestamptz not null default now()
)`,
    `insert into ${schema}.settings (source, partitions, leaf_seconds) values (${source}, ${partitions}, ${leafSeconds})`,
    `create function ${schema}.assert_source(wanted text) returns void language plpgsql as $body$
declare
  owner text;
begin
  select s.source into strict owner from ${schema}.settings s;
  if owner <> wanted then
    raise exception 'SOURCE_MISMATCH: the schema belongs to source "%", not "%"', owner, wanted
      using errcode = 'WB001';
  end if;
end
$body$`,
    `create function ${schema}.key_lock(scope text, topic text, key text) returns bigint
language sql immutable parallel safe as $body$
  select hashtextextended(key, hashtextextended(topic, hashtextextended(scope, 7218)))
$body$`,
  ],
  down: ({ schema }) => [
    `drop function ${schema}.key_lock(text, text, text)`,
    `drop function ${schema}.assert_source(text)`,
    `drop table ${schema}.settings`,
  ],
};

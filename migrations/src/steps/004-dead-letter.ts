import type { Migration } from "../migration.ts";
import { ENVELOPE_COLUMNS } from "./003-parked.ts";

/** Messages that were given up. Nothing deletes from it by itself. */
export const deadLetter: Migration = {
  name: "004_dead_letter",
  up: ({ schema }) => [
    `create table ${schema}.dead_letter (
  id bigint generated always as identity primary key,
  consumer_group text not null,
  ${ENVELOPE_COLUMNS},
  attempts integer not null,
  reason text not null,
  error text not null,
  died_at timestamptz(3) not null default clock_timestamp()
)`,
    `create function ${schema}.dead_letter_add(letters json) returns void language sql volatile as $body$
  insert into ${schema}.dead_letter (
    consumer_group, message_id, source, topic, version, key, partition, headers, content_type, payload, created_at,
    incarnation, sequence, attempts, reason, error
  )
  select
    d."group", d.id, d.source, d.topic, d.version, d.key, d.partition, d.headers, d.content_type,
    decode(d.payload, 'base64'), to_timestamp(d.created_at / 1000), d.incarnation, d.sequence, d.attempts, d.reason,
    d.error
  from json_to_recordset(letters) as d(
    "group" text, id text, source text, topic text, version integer, key text, partition integer, headers json,
    content_type text, payload text, created_at double precision, incarnation uuid, sequence bigint,
    attempts integer, reason text, error text
  )
$body$`,
  ],
  down: ({ schema }) => [`drop function ${schema}.dead_letter_add(json)`, `drop table ${schema}.dead_letter`],
};

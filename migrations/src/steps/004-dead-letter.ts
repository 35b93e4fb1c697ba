import type { Migration } from "../migration.ts";
import { ENVELOPE_COLUMNS } from "./003-parked.ts";
import { discardLetters, editLetter, retryLetters } from "./dead-letter-acts.ts";

/**
 * Messages that were given up, one row for each message of a group, and what operators did to them. Nothing deletes
 * from either by itself. `give_up_due_at` is set while the `onGiveUp` handler of an outgoing message has to run.
 */
export const deadLetter: Migration = {
  name: "004_dead_letter",
  up: ({ schema }) => [
    `create table ${schema}.dead_letter (
  id bigint generated always as identity primary key,
  consumer_group text not null,
  ${ENVELOPE_COLUMNS},
  ordering text not null check (ordering in ('blocking', 'parking')),
  state text not null default 'dead' check (state in ('dead', 'retrying', 'recovered', 'discarded')),
  delivery integer not null default 0,
  attempts integer not null,
  attempts_total integer not null,
  deaths integer not null default 1,
  reason text not null,
  error text not null,
  fingerprint text not null,
  answered boolean not null,
  failing_since timestamptz(3) not null,
  died_at timestamptz(3) not null default clock_timestamp(),
  give_up_due_at timestamptz,
  give_up_attempts integer not null default 0,
  give_up_error text,
  constraint dead_letter_message unique (consumer_group, message_id)
)`,
    `create index dead_letter_state on ${schema}.dead_letter (state, id)`,
    `create index dead_letter_group on ${schema}.dead_letter (consumer_group, topic, id)`,
    `create index dead_letter_fingerprint on ${schema}.dead_letter (fingerprint, id)`,
    `create index dead_letter_give_up on ${schema}.dead_letter (topic, give_up_due_at)
  where consumer_group = '' and state = 'dead' and give_up_due_at is not null`,
    `create table ${schema}.dead_letter_audit (
  id bigint generated always as identity primary key,
  at timestamptz(3) not null default clock_timestamp(),
  actor text not null,
  act text not null check (act in ('retry', 'discard', 'edit')),
  reason text,
  dead_letter_id bigint not null,
  consumer_group text not null,
  topic text not null,
  message_id text not null,
  delivery integer not null,
  before bytea,
  after bytea
)`,
    `create index dead_letter_audit_letter on ${schema}.dead_letter_audit (dead_letter_id, id)`,
    add(schema),
    retryLetters(schema),
    discardLetters(schema),
    editLetter(schema),
  ],
  down: ({ schema }) => [
    `drop function ${schema}.dead_letter_edit(bigint, bytea, text, integer, text, text)`,
    `drop function ${schema}.dead_letter_discard(json, text, text)`,
    `drop function ${schema}.dead_letter_retry(json, boolean, text, text)`,
    `drop function ${schema}.dead_letter_add(json)`,
    `drop table ${schema}.dead_letter_audit`,
    `drop table ${schema}.dead_letter`,
  ],
};

/** Buries an array of messages. One that died before in its group is dead again, as the message that it was then. */
function add(schema: string): string {
  return `create function ${schema}.dead_letter_add(letters json) returns void language plpgsql volatile as $body$
declare
  d record;
begin
  for d in select * from json_to_recordset(letters) as r(
    "group" text, id text, source text, topic text, version integer, key text, partition integer, headers json,
    content_type text, payload text, created_at double precision, incarnation uuid, sequence bigint, ordering text,
    attempts integer, reason text, error text, fingerprint text, answered boolean, failing_since double precision
  ) loop
    insert into ${schema}.dead_letter as l (
      consumer_group, message_id, source, topic, version, key, partition, headers, content_type, payload, created_at,
      incarnation, sequence, ordering, attempts, attempts_total, reason, error, fingerprint, answered, failing_since,
      give_up_due_at
    ) values (
      d."group", d.id, d.source, d.topic, d.version, d.key, d.partition, d.headers, d.content_type,
      decode(d.payload, 'base64'), to_timestamp(d.created_at / 1000), d.incarnation, d.sequence, d.ordering,
      d.attempts, d.attempts, d.reason, d.error, d.fingerprint, d.answered,
      coalesce(to_timestamp(d.failing_since / 1000), clock_timestamp()),
      case when d."group" = '' then clock_timestamp() end
    )
    on conflict (consumer_group, message_id) do update
    set state = 'dead', ordering = excluded.ordering, attempts = excluded.attempts,
      attempts_total = l.attempts_total + excluded.attempts, deaths = l.deaths + 1, reason = excluded.reason,
      error = excluded.error, fingerprint = excluded.fingerprint, answered = l.answered or excluded.answered,
      failing_since = least(l.failing_since, excluded.failing_since), died_at = clock_timestamp(),
      give_up_due_at = case when not l.answered then excluded.give_up_due_at end;
  end loop;
end
$body$`;
}

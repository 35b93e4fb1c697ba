import type { Migration } from "../migration.ts";
import { LEAF_COUNT } from "../migration-options.ts";

/**
 * The append-only outbox: no UPDATE, no DELETE, ever. Defaults are evaluated in the order of the columns, and what
 * the relay proves rests on it: a transaction has its id (`xid`) before it takes a place (`id`). For the same reason
 * the sequence must not cache.
 */
export const outbox: Migration = {
  name: "002_outbox",
  up: ({ schema, leafSeconds }) => [
    `create sequence ${schema}.outbox_id as bigint cache 1`,
    `create table ${schema}.outbox (
  xid xid8 not null default pg_current_xact_id(),
  id bigint not null default nextval('${schema}.outbox_id'::regclass),
  leaf smallint not null default (floor(date_part('epoch', now()) / ${leafSeconds})::bigint % ${LEAF_COUNT})::smallint,
  topic text not null,
  version integer not null,
  key text,
  partition smallint not null,
  message_id uuid not null,
  headers json not null,
  content_type text not null,
  payload bytea not null,
  deliver_at timestamptz(3),
  expires_at timestamptz(3),
  created_at timestamptz(3) not null default now(),
  primary key (id, leaf)
) partition by list (leaf)`,
    ...leaves().map(
      (leaf) => `create table ${schema}.outbox_${leaf} partition of ${schema}.outbox for values in (${leaf})`,
    ),
    `create index outbox_xid on ${schema}.outbox (xid)`,
  ],
  down: ({ schema }) => [`drop table ${schema}.outbox`, `drop sequence ${schema}.outbox_id`],
};

function leaves(): number[] {
  return Array.from({ length: LEAF_COUNT }, (_, leaf) => leaf);
}

import type { Migration } from "../migration.ts";

/** Scheduled jobs: who runs each now, and how the last run ended. */
export const job: Migration = {
  name: "007_job",
  up: ({ schema }) => [
    `create table ${schema}.job (
  name text primary key,
  schedule text not null,
  owner text not null,
  running boolean not null,
  leased_until timestamptz not null,
  last_started_at timestamptz(3) not null,
  last_finished_at timestamptz(3),
  last_outcome text check (last_outcome in ('ok', 'failed')),
  last_detail text,
  next_run_at timestamptz(3)
)`,
  ],
  down: ({ schema }) => [`drop table ${schema}.job`],
};

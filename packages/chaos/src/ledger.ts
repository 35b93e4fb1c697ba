import type { Pool } from "pg";

/**
 * The business tables: what was committed, and what handlers did about it. No constraint would stop a double effect,
 * so that one would be seen.
 */
export const LEDGER_TABLES = `
  create table counter (key text primary key, last integer not null);
  create table noted (key text not null, no integer not null, primary key (key, no));
  create table effect (id bigint generated always as identity, key text not null, no integer not null, worker text not null);
  create table total (key text primary key, effects integer not null default 0);
`;

/** What an audit of the business tables found. All but `committed` and `effects` must be 0. */
export interface Audit {
  readonly committed: number;
  readonly effects: number;
  /** Committed, and no effect. */
  readonly lost: number;
  /** An effect of something that was never committed. */
  readonly unexpected: number;
  /** Effects beyond the first. */
  readonly duplicated: number;
  /** Effects that came after one of a later message of their key. */
  readonly inverted: number;
  /** Keys whose counted effects differ from their listed ones. */
  readonly miscounted: number;
}

const AUDIT = `
  with committed as (select key, no from noted where key like $1),
  happened as (select id, key, no from effect where key like $1),
  seen as (select key, no, count(*) as times from happened group by key, no),
  ordered as (select no, max(no) over (partition by key order by id rows between unbounded preceding and 1 preceding) as before from happened)
  select
    (select count(*)::int from committed) as committed,
    (select count(*)::int from happened) as effects,
    (select count(*)::int from committed n where not exists (select from seen s where s.key = n.key and s.no = n.no)) as lost,
    (select count(*)::int from seen s where not exists (select from committed n where n.key = s.key and n.no = s.no)) as unexpected,
    (select coalesce(sum(times - 1), 0)::int from seen) as duplicated,
    (select count(*)::int from ordered where before > no) as inverted,
    (select count(*)::int from total t where t.key like $1 and effects <> (select count(*) from happened h where h.key = t.key)) as miscounted
`;

/** Compares what was committed with what happened, for the keys of a LIKE pattern (all unless told). */
export async function audit(pool: Pool, keys = "%"): Promise<Audit> {
  const { rows } = await pool.query<Audit>(AUDIT, [keys]);
  const [found] = rows;
  if (found === undefined) throw new Error("the audit returned no row");
  return found;
}

/** What an audit must find when everything that was committed happened once and in order. */
export function flawless(committed: number): Audit {
  return { committed, effects: committed, lost: 0, unexpected: 0, duplicated: 0, inverted: 0, miscounted: 0 };
}

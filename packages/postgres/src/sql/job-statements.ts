import { statement, type Statement } from "./statement.ts";

export interface JobStatements {
  readonly begin: Statement;
  readonly finish: Statement;
  readonly list: Statement;
}

export function jobStatements(schema: string): JobStatements {
  return {
    begin: statement(begin(schema)),
    finish: statement(`update ${schema}.job
set running = false, last_finished_at = clock_timestamp(), last_outcome = $3, last_detail = $4,
  next_run_at = clock_timestamp() + $5::float8 * interval '1 ms'
where name = $1 and owner = $2 and running`),
    list: statement(`select name, schedule, case when running then owner end, date_part('epoch', last_started_at),
  date_part('epoch', last_finished_at), last_outcome, last_detail, date_part('epoch', next_run_at)
from ${schema}.job order by name collate "C"`),
  };
}

/** Whoever begins second at the same moment waits for the first one's row, and then sees that it runs. */
function begin(schema: string): string {
  return `insert into ${schema}.job as j (name, schedule, owner, running, leased_until, last_started_at)
values ($1, $2, $3, true, clock_timestamp() + $4::float8 * interval '1 ms', clock_timestamp())
on conflict (name) do update
set schedule = excluded.schedule, owner = excluded.owner, running = true,
  leased_until = clock_timestamp() + $4::float8 * interval '1 ms', last_started_at = clock_timestamp()
where j.owner = excluded.owner or (
  not (j.running and j.leased_until > clock_timestamp())
  and j.last_started_at <= clock_timestamp() - $5::float8 * interval '1 ms'
)
returning 1`;
}

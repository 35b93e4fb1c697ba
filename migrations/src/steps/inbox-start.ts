/**
 * How often the handler of a message that was delivered before has been started and not settled since: only messages
 * that were in work when a process died, or are in work now.
 */
export const START_COLUMNS = `
  consumer_group text not null,
  message_id uuid not null,
  starts integer not null,
  started_at timestamptz not null default now(),
  constraint inbox_start_message primary key (consumer_group, message_id)
`;

/**
 * Counts a start; 0 when nothing is to be counted, null when it was counted before and does not run `alone` now. A count
 * need not be on disk before the handler runs: it is about the death of a process, not about that of the database.
 */
export function start(schema: string): string {
  return `create function ${schema}.inbox_started(of_group text, of_id uuid, parked_as text, alone boolean)
returns integer language plpgsql volatile as $body$
declare
  counted integer;
begin
  perform 1 from ${schema}.inbox i where i.consumer_group = of_group and i.message_id = of_id;
  if found then
    return 0;
  end if;
  perform 1 from ${schema}.parked p where p.consumer_group = of_group and p.message_id = parked_as;
  if found then
    return 0;
  end if;
  if not alone then
    perform 1 from ${schema}.inbox_start s
    where s.consumer_group = of_group and s.message_id = of_id and s.starts > 0;
    if found then
      return null;
    end if;
  end if;
  perform set_config('synchronous_commit', 'off', true);
  insert into ${schema}.inbox_start as s (consumer_group, message_id, starts) values (of_group, of_id, 1)
  on conflict (consumer_group, message_id) do update set starts = s.starts + 1, started_at = now()
  returning s.starts into counted;
  return counted;
end
$body$`;
}

/**
 * Applies one step of the relay as a whole, if the lease still has this epoch and the server has not crashed since it
 * was taken (`relay_run`): then it answers the transaction's id, else null. The share lock on the lease makes a takeover
 * wait for it, and it for a takeover. What the step says is on disk when it returns, whatever the server's
 * `synchronous_commit` is: a local setting holds until after the commit of the statement's own transaction (a SET
 * clause of the function would not).
 */
export function relayApply(schema: string): string {
  return `create function ${schema}.relay_apply(
  of_epoch bigint, of_incarnation uuid, new_from pg_snapshot, new_to pg_snapshot, new_now bigint, new_last bigint,
  moved jsonb, new_floor bigint, park json, dead json, changes json
) returns xid8 language plpgsql volatile as $body$
declare
  c record;
begin
  perform 1 from ${schema}.relay_lease l where l.only_row and l.epoch = of_epoch for share;
  if not found then
    return null;
  end if;
  perform 1 from ${schema}.relay_run r where r.epoch = of_epoch;
  if not found then
    return null;
  end if;
  if current_setting('synchronous_commit') in ('off', 'local', 'remote_write') then
    perform set_config('synchronous_commit', 'on', true);
  end if;
  insert into ${schema}.relay_progress (
    leaf, epoch, incarnation, base, from_snapshot, to_snapshot, window_now, last_row_id, sequences, floor_row_id
  )
  select p.leaf, of_epoch, of_incarnation, false, new_from, new_to, new_now, new_last, moved, new_floor
  from ${schema}.relay_progress p where p.base order by p.id desc limit 1;
  if not found then
    raise exception 'relay_progress has no base row' using errcode = 'WB003';
  end if;
  if changes is not null then
    for c in select * from json_to_recordset(changes) as r(
      kind text, id bigint, sequence bigint, attempts integer, due_in_ms double precision, error text
    ) loop
      if c.kind = 'gone' then
        perform ${schema}.parked_remove(c.id);
      elsif c.kind = 'position' then
        update ${schema}.parked p set incarnation = of_incarnation, sequence = c.sequence where p.id = c.id;
      else
        perform ${schema}.parked_again(
          c.id, case p.reason when 'void' then 'void' else 'retry' end, p.stage, c.attempts, c.due_in_ms, c.error
        ) from ${schema}.parked p where p.id = c.id;
      end if;
    end loop;
  end if;
  if park is not null then
    perform ${schema}.parked_add(park);
  end if;
  if dead is not null then
    perform ${schema}.dead_letter_add(dead);
  end if;
  return pg_current_xact_id();
end
$body$`;
}

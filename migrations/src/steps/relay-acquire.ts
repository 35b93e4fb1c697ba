/**
 * Takes the lease, and renews the incarnation when this is not the database that the lease was written in, or when
 * somebody asked for it (`renew_because`).
 *
 * - Another cluster, a copied lease row, or transaction ids that went back: nothing remembered can be trusted, so
 *   the relay starts before the first row. Rows whose transaction id is not in the past here would be new for ever;
 *   they get an id that every snapshot holds.
 * - Another timeline, or asked for: the progress row and every transaction id that it names came over with the history
 *   they belong to, so the relay goes on from there, with new positions.
 *
 * Refused while sequences are behind their tables, whose next rows would collide, and while a subscription writes to
 * them, whose rows carry foreign transaction ids: this is a logical replica then.
 */
export function relayAcquire(schema: string, schemaName: string, snapshotOfNothing: string): string {
  return `create function ${schema}.relay_acquire(new_owner text, lease_ms double precision)
returns table (acquired boolean, holder text, at_epoch bigint, of_incarnation uuid, because text, expires_in_ms bigint)
language plpgsql volatile as $body$
declare
  l record;
  clock timestamptz;
  this_system bigint;
  this_timeline text;
  next_xid xid8;
  start_from pg_snapshot := '${snapshotOfNothing}';
begin
  select o.*, o.xmin::text::bigint as row_xmin into strict l from ${schema}.relay_lease o where o.only_row for update;
  clock := clock_timestamp();
  if l.owner <> new_owner and l.leased_until > clock then
    return query select false, l.owner, l.epoch, l.incarnation, null::text,
      ceil(date_part('epoch', l.leased_until - clock) * 1000)::bigint;
    return;
  end if;
  perform 1 from pg_subscription_rel r join pg_class c on c.oid = r.srrelid join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = ${schemaName};
  if found then
    raise exception 'this database is a logical replica, and a subscription still writes to its outbox: drop the subscription, then run: npx waybill rebase'
      using errcode = 'WB002';
  end if;
  if (select max(o.id) from ${schema}.outbox o) >= (select s.last_value + s.is_called::integer from ${schema}.outbox_id s)
    or (select max(p.id) from ${schema}.relay_progress p) >= (select s.last_value + s.is_called::integer from ${schema}.relay_progress_id s)
  then
    raise exception 'this database is a logical copy, whose sequences are behind their tables: once nothing writes to the original any more, run: npx waybill rebase'
      using errcode = 'WB002';
  end if;
  if current_setting('synchronous_commit') in ('off', 'local', 'remote_write') then
    perform set_config('synchronous_commit', 'on', true);
  end if;
  select c.system_identifier into strict this_system from pg_control_system() c;
  this_timeline := substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8);
  next_xid := pg_snapshot_xmax(pg_current_snapshot());
  because := case
    when l.system_identifier <> this_system then 'another database cluster: the system identifier differs'
    when l.row_xmin <> (l.xid::text::numeric % 4294967296)::bigint then 'the lease was copied into this database'
    when l.xid >= next_xid then 'transaction ids went back'
  end;
  if because is not null then
    update ${schema}.outbox set xid = '3' where xid >= pg_snapshot_xmin(pg_current_snapshot());
  elsif l.renew_because is not null or l.timeline <> this_timeline then
    start_from := coalesce(
      (select p.from_snapshot from ${schema}.relay_progress p order by p.id desc limit 1), start_from
    );
    because := case
      when l.timeline <> this_timeline then 'another timeline: the server was promoted or recovered'
    end;
  end if;
  because := nullif(concat_ws('; ', l.renew_because, because), '');
  if because is not null then
    l.incarnation := gen_random_uuid();
    delete from ${schema}.parked p where p.consumer_group = '' and p.reason = 'void';
    update ${schema}.parked p set incarnation = null, sequence = null
      where p.consumer_group = '' and p.incarnation is not null;
    insert into ${schema}.relay_progress (leaf, epoch, incarnation, base, from_snapshot, sequences, floor_row_id)
    select coalesce((select p.leaf from ${schema}.relay_progress p where p.base order by p.id desc limit 1), 0),
      l.epoch + 1, l.incarnation, true, start_from, '{}', 0;
  end if;
  insert into ${schema}.relay_run (epoch) values (l.epoch + 1)
  on conflict (only_row) do update set epoch = excluded.epoch;
  update ${schema}.relay_lease o
  set epoch = o.epoch + 1, owner = new_owner, leased_until = clock + lease_ms * interval '1 ms',
    incarnation = l.incarnation, system_identifier = this_system, timeline = this_timeline,
    xid = pg_current_xact_id(), renew_because = null
  where o.only_row;
  return query select true, new_owner, l.epoch + 1, l.incarnation, because, 0::bigint;
end
$body$`;
}

create schema tributary;
create table tributary.migration (version integer primary key, name text not null, applied_at timestamptz not null default now());
create table tributary.identity (
    only_row    boolean primary key default true check (only_row),
    id          uuid not null default gen_random_uuid(),
    name        text not null,
    created_at  timestamptz not null default now()
);
comment on table tributary.identity is
    'Made by the first install. The short id in the consumer''s name on the shards keeps a copy of the file from taking production''s events.';
create table tributary.source (
    id              integer generated always as identity primary key,
    shard           text not null,
    queue           text not null,
    central_queue   text not null,
    state           text not null default 'registering' check (state in ('registering', 'active', 'halted', 'retired')),
    halt_code       text,
    halt_reason     text,
    halted_at       timestamptz,
    paused_at       timestamptz,
    pause_reason    text,
    created_at      timestamptz not null default now(),
    unique (shard, queue)
);
comment on table tributary.source is
    'One row per queue on one shard. Only install creates a source; registering means that its position is not stored yet.';
create table tributary.position (
    source              integer not null,
    n                   bigint not null,
    tick_id             bigint not null,
    tick_time_us        bigint not null,
    tick_event_seq      bigint not null,
    tick_snapshot_md5   text not null,
    end_tick_id         bigint,
    end_tick_time_us    bigint,
    end_tick_event_seq  bigint,
    end_snapshot_md5    text,
    last_event_id       bigint,
    moved               bigint not null,
    at                  timestamptz not null default now()
);
create table tributary.position_0 (primary key (source, n)) inherits (tributary.position);
create table tributary.position_1 (primary key (source, n)) inherits (tributary.position);
alter table tributary.position_0 set (autovacuum_vacuum_insert_threshold = -1);
alter table tributary.position_1 set (autovacuum_vacuum_insert_threshold = -1);
create table tributary.position_table (
    only_row    boolean primary key default true check (only_row),
    current     integer not null default 0 check (current in (0, 1)),
    switched_at timestamptz not null default now()
);
insert into tributary.position_table default values;
comment on table tributary.position_table is 'Which of position_0 and position_1 takes the inserts; changed only under the exclusive lock that rotate_positions takes.';
create table tributary.source_lag (
    source          integer primary key references tributary.source on delete cascade,
    at              timestamptz not null,
    state           text not null,
    reason          text,
    mover           text,
    events_behind   bigint,
    exact           boolean not null default false,
    seconds_behind  double precision,
    last_tick       bigint,
    provider        text
) with (fillfactor = 50);
comment on table tributary.source_lag is 'The mover''s last seen figures; `at` tells their age.';
create table tributary.dead_event (
    id              bigint generated always as identity primary key,
    kind            text not null check (kind in ('poison', 'handler', 'killed', 'conflict')),
    central_queue   text not null,
    origin          text,
    shard           text,
    source_queue    text,
    ev_id           bigint,
    ev_time         timestamptz,
    ev_retry        integer,
    ev_type         text,
    ev_data         text,
    ev_extra1       text,
    ev_extra2       text,
    ev_extra3       text,
    ev_extra4       text,
    raw             bytea,
    raw_length      bigint,
    error           text not null,
    sqlstate        text,
    stack           text,
    attempts        integer not null default 1,
    first_at        timestamptz not null default now(),
    died_at         timestamptz not null default now()
);
create index dead_event_by_queue on tributary.dead_event (central_queue, id);
comment on table tributary.dead_event is 'Events that could not be moved (poison, with their bytes) or handled; they outlive queues and groups.';
insert into tributary.migration (version, name) values (1, 'central');
create sequence tributary.coop_token minvalue 1000000000000000 maxvalue 9007199254740991;
create table tributary.coop_opening (
    queue_id    integer not null,
    sub_id      integer not null,
    start_tick  bigint not null,
    end_tick    bigint not null,
    openings    integer not null,
    primary key (queue_id, sub_id, start_tick, end_tick)
);
comment on table tributary.coop_opening is
    'How many times a batch was handed out, where that is more than once; the row goes when the batch is finished.';
create table tributary.member (
    id              uuid primary key,
    kind            text not null check (kind in ('mover', 'work')),
    host            text not null,
    pid             integer,
    version         text,
    file_hash       text,
    details         jsonb not null default '{}',
    started_at      timestamptz not null,
    seen_at         timestamptz not null,
    ttl             interval not null,
    until           timestamptz not null,
    unbroken_since  timestamptz not null,
    beats           bigint not null default 0,
    backend_pid     integer not null,
    backend_start   timestamptz not null
) with (fillfactor = 50);
comment on table tributary.member is 'Movers and worker hosts. One update a second each: a beat renews all leases of its member at once.';
create table tributary.term (
    resource    text primary key,
    holder      uuid,
    epoch       bigint not null,
    taken_at    timestamptz not null,
    freed_at    timestamptz
) with (fillfactor = 50);
comment on table tributary.term is 'One row per shard and per worker slot, written only when the holder changes; read it as tributary.lease.';
create view tributary.lease as
select t.resource, t.holder, t.epoch, least(m.until, clock_timestamp() + m.ttl) as until, m.kind, m.host, m.pid,
    m.backend_pid, m.backend_start, t.taken_at, t.freed_at,
    coalesce(m.until between clock_timestamp() and clock_timestamp() + m.ttl, false) as is_held
from tributary.term t
left join tributary.member m on m.id = t.holder;
comment on view tributary.lease is 'Who holds what: a term with its member. is_held tells whether it still runs.';
create table tributary.worker_pool (
    central_queue   text primary key,
    wanted          integer not null check (wanted >= 0),
    file_wanted     integer not null check (file_wanted >= 0),
    set_by          text,
    set_at          timestamptz not null default now()
);
comment on table tributary.worker_pool is 'How many workers a central queue shall have. An override stays until the number in the file changes.';
do $$
begin
    if to_regrole('pgq_reader') is not null then
        grant usage on schema tributary to pgq_reader;
    end if;
end;
$$;
insert into tributary.migration (version, name) values (2, 'coop_and_leases');
create table tributary.attempt (
    central_queue   text not null,
    group_name      text not null,
    ev_id           bigint not null,
    origin          text not null,
    attempts        integer not null,
    last_error      text,
    first_at        timestamptz not null default now(),
    last_at         timestamptz not null default now(),
    next_at         timestamptz not null,
    primary key (central_queue, group_name, ev_id)
);
comment on table tributary.attempt is
    'One row per event that waits for another try; it goes when the event is handled or dead.';
create table tributary.narrowing (
    central_queue   text not null,
    group_name      text not null,
    start_tick      bigint not null,
    end_tick        bigint not null,
    last_event_id   bigint,
    running_first   bigint,
    running_last    bigint,
    running_events  integer,
    deaths          integer not null default 0,
    at              timestamptz not null default now(),
    primary key (central_queue, group_name, start_tick, end_tick)
);
comment on table tributary.narrowing is
    'One row per batch that killed its workers and is handled in ever smaller transactions until the event is found.';
insert into tributary.migration (version, name) values (3, 'attempts');
alter table tributary.source_lag alter column at drop not null;
alter table tributary.source_lag add column reported_at timestamptz;
comment on column tributary.source_lag.at is 'When the figures were seen; null: never.';
comment on column tributary.source_lag.reported_at is 'When a mover last said anything about the source.';
insert into tributary.migration (version, name) values (4, 'lag_reports');
alter table tributary.dead_event add column redriven_at timestamptz;
alter table tributary.dead_event add column redriven integer not null default 0;
comment on column tributary.dead_event.redriven_at is 'When the event was handed out again; null: it is dead.';
comment on column tributary.dead_event.redriven is
    'How many times somebody tried to hand it out again; central may have refused it each time.';
drop function if exists tributary.dead_list(text, text, text, text, interval, integer);
drop function if exists tributary.dead_show(bigint);
insert into tributary.migration (version, name) values (5, 'redriven');
drop function if exists tributary.lag_central(text[], text);
insert into tributary.migration (version, name) values (6, 'parked_in_lag');
create table tributary.rate_grant (
    central_queue   text not null,
    n               bigint not null,
    events          integer not null,
    used_until      timestamptz not null,
    primary key (central_queue, n)
);
comment on table tributary.rate_grant is
    'How many events of a central queue may start, as granted to its workers on all hosts; the newest row counts.';
insert into tributary.migration (version, name) values (7, 'rates');
drop function if exists tributary.narrowing_open(text, text, bigint, bigint);
insert into tributary.migration (version, name) values (8, 'last_call');
alter table tributary.worker_pool add column generation integer not null default 0;
comment on column tributary.worker_pool.generation is
    'Grows by one each time that all workers are to be replaced; hosts compare it with that of each process.';
insert into tributary.migration (version, name) values (9, 'renewals');
create sequence tributary.coop_plain_token minvalue 5000000000000000 maxvalue 9007199254740991;
drop function if exists tributary.coop_next_batch(text, text, text, interval, interval, integer, interval);
drop function if exists tributary.coop_open(tid, integer, integer, bigint, bigint);
insert into tributary.migration (version, name) values (11, 'progress');
alter table tributary.narrowing
    add column suspect_first bigint,
    add column suspect_last bigint,
    add column suspect_events integer,
    add column kills integer not null default 0,
    add column judged bigint;
comment on column tributary.narrowing.running_events is
    'The slice that a worker has begun and not ended; null: none is at work. Found here later it says where a worker died, not of what.';
drop function if exists tributary.narrowing_open(text, text, bigint, bigint, bigint[]);
insert into tributary.migration (version, name) values (12, 'deaths');
create table tributary.shard (
    name            text primary key,
    database        text,
    noted_at        timestamptz,
    former_names    text[] not null default '{}'
);
comment on table tributary.shard is
    'Which database each shard is, by what that says of itself and not by its URL. A shard without a row was not seen yet.';
insert into tributary.migration (version, name) values (13, 'shard');
create table tributary.lease_turn ();
create table tributary.source_turn ();
comment on table tributary.lease_turn is 'Locked while leases are taken.';
comment on table tributary.source_turn is 'Locked while sources are registered.';
insert into tributary.migration (version, name) values (18, 'turns');
create index dead_event_by_age on tributary.dead_event (central_queue, (coalesce(redriven_at, died_at)));
insert into tributary.migration (version, name) values (20, 'dead_by_age');
drop function if exists tributary.lag_central(text[], text);
insert into tributary.migration (version, name) values (21, 'trouble_in_lag');
create or replace function tributary.activate_source(x_source integer)
returns boolean as $$
begin
    update tributary.source set state = 'active', halt_code = null, halt_reason = null, halted_at = null
    where id = x_source and state = 'halted';
    return found;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.begin_commit(x_queue text, x_table text)
returns bigint as $$
declare
    v_xid   bigint := tributary.begin_events(x_queue);
begin
    perform tributary.commit_patience();
    if pgq.current_event_table(x_queue) is distinct from x_table then
        raise exception using errcode = 'TB011', message = format('events of queue %s go to another table than %s', x_queue, x_table);
    end if;
    perform set_config('tributary.xid', v_xid::text, false);
    return v_xid;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.begin_events(x_queue text)
returns bigint as $$
declare
    v_xid       bigint := pg_current_xact_id()::text::bigint;
    v_snapshot  txid_snapshot;
begin
    select t.tick_snapshot into v_snapshot
    from pgq.tick t where t.tick_queue = (select q.queue_id from pgq.queue q where q.queue_name = x_queue)
    order by t.tick_id desc limit 1;
    if txid_visible_in_snapshot(v_xid, v_snapshot) then
        perform tributary.refuse_younger(x_queue, v_snapshot);
    end if;
    return v_xid;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.refuse_younger(x_queue text, x_snapshot txid_snapshot)
returns void as $$
begin
    raise exception using errcode = 'TB012', message = format(
        'the ticks of queue %s know %s more transaction ids than the server has given out, as after a restore into a younger'
        ' server, so workers would never get what is committed now: raise its next transaction id with pg_resetwal, as'
        ' docs/operating.md tells',
        x_queue, txid_snapshot_xmax(x_snapshot) - txid_snapshot_xmax(txid_current_snapshot()));
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.bury(x_queue text, x_group text, x_events json)
returns integer as $$
    with event as (
        select * from json_to_recordset(x_events) as (
            id bigint, "time" timestamptz, retry integer, type text, data text, extra1 text, extra2 text, extra3 text,
            extra4 text, origin text, kind text, attempts integer, error text, sqlstate text, stack text)
    ), waited as (
        delete from tributary.attempt a using event e
        where a.central_queue = x_queue and a.group_name = x_group and a.ev_id = e.id
        returning a.ev_id, a.first_at
    ), dead as (
        insert into tributary.dead_event (kind, central_queue, origin, ev_id, ev_time, ev_retry, ev_type, ev_data,
                                          ev_extra1, ev_extra2, ev_extra3, ev_extra4, error, sqlstate, stack, attempts,
                                          first_at)
        select e.kind, x_queue, e.origin, e.id, e."time", e.retry, e.type, e.data, e.extra1, e.extra2, e.extra3, e.extra4,
               e.error, e.sqlstate, e.stack, e.attempts, coalesce(w.first_at, now())
        from event e left join waited w on w.ev_id = e.id
        returning 1
    )
    select count(*)::integer from dead;
$$ language sql set search_path = pg_catalog, pg_temp;
create or replace function tributary.commit_patience()
returns void as $$
begin
    perform set_config('lock_timeout', '20s', true), set_config('tcp_user_timeout', '30s', true),
        set_config('tcp_keepalives_idle', '15', true), set_config('tcp_keepalives_interval', '5', true),
        set_config('tcp_keepalives_count', '3', true);
    if current_setting('server_version_num')::integer >= 140000 and version() like '%linux%' then
        perform set_config('client_connection_check_interval', '5s', true);
    end if;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.condemn(x_source integer, x_events jsonb)
returns integer as $$
    with dead as (
        insert into tributary.dead_event (kind, central_queue, shard, source_queue, origin, raw, raw_length, error, sqlstate, attempts)
        select 'poison', s.central_queue, s.shard, s.queue, e.origin, decode(e.raw, 'base64'), e.raw_length, e.error, e.sqlstate,
            e.attempts
        from tributary.source s
        cross join jsonb_to_recordset(x_events) as e (origin text, raw text, raw_length bigint, error text, sqlstate text, attempts integer)
        where s.id = x_source
        returning 1)
    select count(*)::integer from dead
$$ language sql set search_path = pg_catalog, pg_temp;
create or replace function tributary.coop_adopt(queue text, consumer text, group_name text)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queue     integer;
    v_sub       pgq.subscription;
    v_group     integer;
begin
    select q.queue_id into v_queue from pgq.queue q where q.queue_name = coop_adopt.queue;
    if not found then
        raise exception using errcode = 'undefined_object', message = format(
            'Queue %s does not exist: create it with `tributary install`, or with pgq.create_queue.', coalesce(queue, 'NULL'));
    end if;
    select s.* into v_sub
    from pgq.subscription s join pgq.consumer c on c.co_id = s.sub_consumer
    where s.sub_queue = v_queue and c.co_name = coop_adopt.consumer
    for update of s;
    if not found then
        perform 1
        from pgq.subscription s join pgq.consumer c on c.co_id = s.sub_consumer
        where s.sub_queue = v_queue and c.co_name = coop_adopt.group_name;
        if found then
            return 0;
        end if;
        raise exception using errcode = 'undefined_object', message = format(
            'Queue %s has no consumer %s that group %s could adopt: correct its name, or register the group without it.',
            queue, coalesce(consumer, 'NULL'), coalesce(group_name, 'NULL'));
    end if;
    if v_sub.sub_batch is not null or v_sub.sub_last_tick is null then
        raise exception using errcode = 'object_in_use', message = format(
            'Consumer %s of queue %s has batch %s open: stop its program, finish the batch, and adopt it then.',
            consumer, queue, coalesce(v_sub.sub_batch::text, 'of a group'));
    end if;
    perform 1 from pgq.subscription s where s.sub_queue = v_queue and s.sub_id = v_sub.sub_id and s.sub_consumer <> v_sub.sub_consumer;
    if found then
        raise exception using errcode = 'object_in_use', message = format(
            'Consumer %s of queue %s is a group with members already: name it as the group, or unregister its members first.', consumer, queue);
    end if;
    if consumer = group_name then
        return 1;
    end if;
    insert into pgq.consumer (co_name) values (group_name) on conflict (co_name) do nothing;
    select c.co_id into v_group from pgq.consumer c where c.co_name = group_name for key share;
    perform 1 from pgq.subscription s where s.sub_queue = v_queue and s.sub_consumer = v_group;
    if found then
        raise exception using errcode = 'duplicate_object', message = format(
            'Queue %s has both consumer %s and group %s: drop the group with tributary.coop_drop_group, or do not adopt.',
            queue, consumer, group_name);
    end if;
    update pgq.subscription set sub_consumer = v_group
    where sub_queue = v_queue and sub_consumer = v_sub.sub_consumer;
    perform tributary.coop_forget(v_queue, v_sub.sub_consumer);
    return 1;
end;
$$;
revoke all on function tributary.coop_adopt(text, text, text) from public;
do $$
begin
    if to_regrole('pgq_admin') is not null then
        grant execute on function tributary.coop_adopt(text, text, text) to pgq_admin;
    end if;
end;
$$;
create or replace function tributary.coop_drop_group(queue text, group_name text, force boolean default false,
    out members integer, out open_batches integer, out retries integer)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_main  pgq.subscription;
    v_row   record;
begin
    v_main := tributary.coop_group(queue, group_name);
    perform 1 from pgq.subscription s
    where s.sub_queue = v_main.sub_queue and s.sub_consumer = v_main.sub_consumer for update;
    members := 0;
    open_batches := 0;
    for v_row in
        select s.sub_consumer, s.sub_batch
        from pgq.subscription s join pgq.consumer c on c.co_id = s.sub_consumer
        where s.sub_queue = v_main.sub_queue and s.sub_id = v_main.sub_id
            and (s.sub_consumer = v_main.sub_consumer or starts_with(c.co_name, group_name || '.'))
        order by s.sub_consumer
        for update of s
    loop
        members := members + (v_row.sub_consumer <> v_main.sub_consumer)::integer;
        open_batches := open_batches + (v_row.sub_batch is not null)::integer;
        perform tributary.coop_forget(v_main.sub_queue, v_row.sub_consumer);
    end loop;
    delete from pgq.retry_queue where ev_queue = v_main.sub_queue and ev_owner = v_main.sub_id;
    get diagnostics retries = row_count;
    delete from tributary.coop_opening where queue_id = v_main.sub_queue and sub_id = v_main.sub_id;
    delete from tributary.narrowing n where n.central_queue = queue and n.group_name = coop_drop_group.group_name;
    delete from tributary.attempt a where a.central_queue = queue and a.group_name = coop_drop_group.group_name;
    if not coalesce(force, false) and open_batches + retries > 0 then
        raise exception using errcode = 'object_in_use', message = format(
            'Group %s of queue %s has %s open batches and %s events that wait to be tried again: let its workers finish, or force it and lose them.',
            group_name, queue, open_batches, retries);
    end if;
end;
$$;
revoke all on function tributary.coop_drop_group(text, text, boolean) from public;
do $$
begin
    if to_regrole('pgq_admin') is not null then
        grant execute on function tributary.coop_drop_group(text, text, boolean) to pgq_admin;
    end if;
end;
$$;
create or replace function tributary.coop_end_tick(
    queue_id integer, start_tick bigint, min_lag interval, min_count integer, min_interval interval,
    out start_found boolean, out end_tick bigint, out start_time timestamptz, out end_time timestamptz)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_start     pgq.tick;
    v_newest    timestamptz := coalesce(clock_timestamp() - min_lag, 'infinity');
begin
    select * into v_start from pgq.tick t where t.tick_queue = coop_end_tick.queue_id and t.tick_id = start_tick;
    start_found := found;
    if not found then
        return;
    end if;
    start_time := v_start.tick_time;
    select t.tick_id, t.tick_time into end_tick, end_time
    from pgq.tick t
    where t.tick_queue = coop_end_tick.queue_id and t.tick_id > start_tick and t.tick_time <= v_newest
        and (min_count is null and min_interval is null
            or t.tick_event_seq >= v_start.tick_event_seq + min_count
            or t.tick_time >= v_start.tick_time + min_interval)
        and txid_snapshot_xmax(t.tick_snapshot) >= txid_snapshot_xmax(v_start.tick_snapshot)
        and not exists (select from txid_snapshot_xip(t.tick_snapshot) x where txid_visible_in_snapshot(x, v_start.tick_snapshot))
    order by t.tick_id
    limit 1;
    if found or min_count is null and min_interval is null or clock_timestamp() < v_start.tick_time + min_interval then
        return;
    end if;
    select t.tick_id, t.tick_time into end_tick, end_time
    from pgq.tick t
    where t.tick_queue = coop_end_tick.queue_id and t.tick_id > start_tick and t.tick_time <= v_newest
        and txid_snapshot_xmax(t.tick_snapshot) >= txid_snapshot_xmax(v_start.tick_snapshot)
        and not exists (select from txid_snapshot_xip(t.tick_snapshot) x where txid_visible_in_snapshot(x, v_start.tick_snapshot))
    order by t.tick_id desc
    limit 1;
end;
$$;
create or replace function tributary.coop_open_batches(queues text[], group_name text, out batch_id bigint, out active text)
returns setof record
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select s.sub_batch, s.sub_active::text
    from pgq.queue q
    join pgq.consumer g on g.co_name = coop_open_batches.group_name
    join pgq.subscription m on m.sub_queue = q.queue_id and m.sub_consumer = g.co_id
    join pgq.subscription s on s.sub_queue = q.queue_id and s.sub_id = m.sub_id and s.sub_consumer <> m.sub_consumer
    where q.queue_name = any (queues) and s.sub_batch is not null and s.sub_active > to_timestamp(0)
$$;
create or replace function tributary.coop_expire(batch_id bigint, active text)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform 1 from pgq.subscription where sub_batch = batch_id for update skip locked;
    if not found then
        return false;
    end if;
    update pgq.subscription set sub_active = to_timestamp(0)
    where sub_batch = batch_id and sub_active > to_timestamp(0) and sub_active::text = active;
    return found;
end;
$$;
revoke all on function tributary.coop_expire(bigint, text) from public;
do $$
begin
    if to_regrole('pgq_reader') is not null then
        grant execute on function tributary.coop_expire(bigint, text) to pgq_reader;
    end if;
end;
$$;
create or replace function tributary.coop_finish_batch(batch_id bigint)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_mine  pgq.subscription;
    v_name  text;
begin
    select * into v_mine from pgq.subscription where sub_batch = batch_id for update;
    if not found then
        raise exception using errcode = 'TB001', message = format(
            'Batch %s was taken over or is already finished: what was done for it is rolled back.', coalesce(batch_id::text, 'NULL'));
    end if;
    if batch_id < 1000000000000000 then
        select c.co_name into v_name from pgq.consumer c where c.co_id = v_mine.sub_consumer;
        perform 1
        from pgq.subscription s join pgq.consumer c on c.co_id = s.sub_consumer
        where s.sub_queue = v_mine.sub_queue and s.sub_id = v_mine.sub_id and s.sub_consumer <> v_mine.sub_consumer
            and starts_with(v_name, c.co_name || '.');
        if not found then
            raise exception using errcode = 'wrong_object_type', message = format(
                'Batch %s belongs to consumer %s, which is no member of a group: finish it with pgq.finish_batch.', batch_id, v_name);
        end if;
    end if;
    if batch_id < 1000000000000000 or batch_id >= 5000000000000000 then
        perform tributary.coop_forget_attempts(batch_id);
    end if;
    if v_mine.sub_active <= to_timestamp(0) or v_name like E'%.\\%batch %' then
        perform tributary.coop_forget(v_mine.sub_queue, v_mine.sub_consumer);
    else
        update pgq.subscription
        set sub_last_tick = null, sub_next_tick = null, sub_batch = null, sub_active = clock_timestamp()
        where sub_batch = batch_id;
    end if;
    delete from tributary.coop_opening
    where queue_id = v_mine.sub_queue and sub_id = v_mine.sub_id
        and start_tick = v_mine.sub_last_tick and end_tick = v_mine.sub_next_tick;
    delete from tributary.narrowing n
    using pgq.queue q
    where q.queue_id = v_mine.sub_queue and n.central_queue = q.queue_name
        and n.start_tick = v_mine.sub_last_tick and n.end_tick = v_mine.sub_next_tick
        and exists (
            select from pgq.subscription g join pgq.consumer c on c.co_id = g.sub_consumer
            where c.co_name = n.group_name and g.sub_queue = v_mine.sub_queue and g.sub_id = v_mine.sub_id);
    return 1;
end;
$$;
revoke all on function tributary.coop_finish_batch(bigint) from public;
do $$
begin
    if to_regrole('pgq_reader') is not null then
        grant execute on function tributary.coop_finish_batch(bigint) to pgq_reader;
    end if;
end;
$$;
create or replace function tributary.coop_forget_attempts(batch_id bigint)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_batch record;
begin
    select q.queue_name, g.co_name, b.sub_id into v_batch
    from pgq.subscription b
    join pgq.queue q on q.queue_id = b.sub_queue
    join pgq.subscription s on s.sub_queue = b.sub_queue and s.sub_id = b.sub_id and s.sub_consumer <> b.sub_consumer
    join pgq.consumer g on g.co_id = s.sub_consumer
    where b.sub_batch = batch_id
        and exists (select from tributary.attempt a where a.central_queue = q.queue_name and a.group_name = g.co_name)
    limit 1;
    if not found then
        return;
    end if;
    delete from tributary.attempt a
    using pgq.get_batch_events(batch_id) e
    where a.central_queue = v_batch.queue_name and a.group_name = v_batch.co_name and a.ev_id = e.ev_id
        and not exists (select from pgq.retry_queue r where r.ev_owner = v_batch.sub_id and r.ev_id = e.ev_id);
end;
$$;
revoke all on function tributary.coop_forget_attempts(bigint) from public;
create or replace function tributary.coop_forget(queue_id integer, consumer_id integer)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from pgq.subscription where sub_queue = queue_id and sub_consumer = consumer_id;
    perform 1 from pgq.consumer where co_id = consumer_id for update skip locked;
    if found then
        delete from pgq.consumer
        where co_id = consumer_id and not exists (select from pgq.subscription where sub_consumer = consumer_id);
    end if;
end;
$$;
revoke all on function tributary.coop_forget(integer, integer) from public;
create or replace function tributary.coop_mend(queue_id integer, consumer_id integer, consumer_name text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    update pgq.subscription
    set sub_last_tick = null, sub_next_tick = null
    where sub_queue = queue_id and sub_consumer = consumer_id and sub_batch is null;
    if found and consumer_name like E'%.\\%batch %' then
        perform tributary.coop_forget(queue_id, consumer_id);
    end if;
end;
$$;
revoke all on function tributary.coop_mend(integer, integer, text) from public;
create or replace function tributary.coop_group(queue text, group_name text)
returns pgq.subscription
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_main  pgq.subscription;
begin
    select s.* into v_main
    from pgq.queue q
    join pgq.consumer c on c.co_name = coop_group.group_name
    join pgq.subscription s on s.sub_queue = q.queue_id and s.sub_consumer = c.co_id
    where q.queue_name = coop_group.queue;
    if found then
        if v_main.sub_last_tick is null then
            raise exception using errcode = 'object_not_in_prerequisite_state', message = format(
                'Consumer %s of queue %s has no position: it is a member of another group, or was finished with the wrong function. '
                'Move it with pgq.register_consumer_at, or choose another name for the group.', group_name, queue);
        end if;
        return v_main;
    end if;
    perform 1 from pgq.queue where queue_name = coop_group.queue;
    if not found then
        raise exception using errcode = 'undefined_object', message = format(
            'Queue %s does not exist: create it with `tributary install`, or with pgq.create_queue.', coalesce(queue, 'NULL'));
    end if;
    raise exception using errcode = 'undefined_object', message = format(
        'Queue %s has no group %s: `tributary install` registers it; where somebody removed it, what waits is handled only if '
        'it is then moved back with pgq.register_consumer_at.', queue, coalesce(group_name, 'NULL'));
end;
$$;
create or replace function tributary.coop_hand_back(batch_id bigint)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_mine  pgq.subscription;
begin
    select * into v_mine from pgq.subscription where sub_batch = batch_id for update;
    if not found then
        return false;
    end if;
    insert into tributary.coop_opening as o (queue_id, sub_id, start_tick, end_tick, openings)
    values (v_mine.sub_queue, v_mine.sub_id, v_mine.sub_last_tick, v_mine.sub_next_tick, 1)
    on conflict on constraint coop_opening_pkey do update set openings = greatest(o.openings - 1, 1);
    update tributary.narrowing n
    set running_events = null
    from pgq.queue q
    where q.queue_id = v_mine.sub_queue and n.central_queue = q.queue_name and n.running_events is not null
        and n.start_tick = v_mine.sub_last_tick and n.end_tick = v_mine.sub_next_tick
        and exists (
            select from pgq.subscription g join pgq.consumer c on c.co_id = g.sub_consumer
            where c.co_name = n.group_name and g.sub_queue = v_mine.sub_queue and g.sub_id = v_mine.sub_id);
    return true;
end;
$$;
revoke all on function tributary.coop_hand_back(bigint) from public;
do $$
begin
    if to_regrole('pgq_reader') is not null then
        grant execute on function tributary.coop_hand_back(bigint) to pgq_reader;
    end if;
end;
$$;
create or replace function tributary.coop_hold(batch_id bigint)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_try_advisory_xact_lock_shared(batch_id);
    return exists (select from pgq.subscription where sub_batch = batch_id);
end;
$$;
create or replace function tributary.coop_end_holder(batch_id bigint)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_pid   integer;
    v_ended integer := 0;
begin
    for v_pid in
        select l.pid from pg_locks l
        where batch_id >= 1000000000000000 and l.locktype = 'advisory' and l.granted and l.objsubid = 1
            and l.database = (select d.oid from pg_database d where d.datname = current_database())
            and l.classid::bigint = batch_id >> 32 and l.objid::bigint = batch_id & 4294967295
            and l.pid <> pg_backend_pid()
    loop
        begin
            v_ended := v_ended + pg_terminate_backend(v_pid)::integer;
        exception when insufficient_privilege then
            null;
        end;
    end loop;
    return v_ended;
end;
$$;
revoke all on function tributary.coop_end_holder(bigint) from public;
create or replace function tributary.coop_member_name(group_name text, member text)
returns text
language sql immutable strict parallel safe
as $$
    select group_name || '.' || replace(replace(member, '%', '%25'), '.', '%2E')
$$;
create or replace function tributary.coop_member_of(group_name text, consumer_name text)
returns text
language sql immutable strict parallel safe
as $$
    select replace(replace(substr(consumer_name, length(group_name) + 2), '%2E', '.'), '%25', '%')
$$;
create or replace function tributary.coop_next_batch(
    queue text, group_name text, member text, dead_interval interval default null,
    min_lag interval default null, min_count integer default null, min_interval interval default null,
    knows_progress boolean default false,
    out batch_id bigint, out start_tick bigint, out end_tick bigint, out start_time timestamptz, out end_time timestamptz,
    out openings integer, out taken_over_from text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_name      text := tributary.coop_member_name(group_name, member);
    v_ids       record;
    v_main      record;
    v_mine      record;
    v_other     record;
    v_end       record;
    v_memo      text[] := string_to_array(current_setting('tributary.coop_memo', true), ' ');
    v_main_at   tid;
    v_mine_at   tid;
    v_look_at   timestamptz := '-infinity';
    v_began     timestamptz;
    v_found     boolean;
begin
    loop
        batch_id := null;
        start_tick := null;
        end_tick := null;
        taken_over_from := null;
        select q.queue_id, c.co_id as main_id, m.co_id as mine_id into v_ids
        from pgq.queue q
        join pgq.consumer c on c.co_name = coop_next_batch.group_name
        left join pgq.consumer m on m.co_name = v_name
        where q.queue_name = coop_next_batch.queue;
        if v_memo[1:3] = array[v_ids.queue_id, v_ids.main_id, v_ids.mine_id]::text[] then
            v_main_at := v_memo[4];
            v_mine_at := v_memo[5];
            v_look_at := to_timestamp(v_memo[6]::double precision);
        end if;
        v_memo := null;
        select * into v_main from tributary.coop_row(v_ids.queue_id, v_ids.main_id, v_main_at);
        if v_main.sub_last_tick is null then
            perform tributary.coop_group(queue, group_name);
            continue;
        end if;
        v_main_at := v_main.at;
        select * into v_mine from tributary.coop_row(v_ids.queue_id, v_ids.mine_id, v_mine_at);
        if v_mine.sub_id is distinct from v_main.sub_id then
            perform tributary.coop_register(queue, group_name, member);
            continue;
        end if;
        v_mine_at := v_mine.at;
        if v_mine.sub_batch is not null then
            batch_id := tributary.coop_new_token(knows_progress);
            update pgq.subscription
            set sub_batch = batch_id, sub_active = clock_timestamp()
            where sub_batch = v_mine.sub_batch;
            if not found then
                continue;
            end if;
            perform tributary.coop_end_holder(v_mine.sub_batch);
            start_tick := v_mine.sub_last_tick;
            end_tick := v_mine.sub_next_tick;
            exit when knows_progress or not tributary.coop_put_back(batch_id, queue, group_name);
            continue;
        end if;
        select * into v_end
        from tributary.coop_end_tick(v_ids.queue_id, v_main.sub_last_tick, min_lag, min_count, min_interval);
        v_found := false;
        v_began := clock_timestamp();
        if v_end.end_tick is null or v_began >= v_look_at then
            select s.sub_consumer, s.sub_batch, c.co_name into v_other
            from pgq.subscription s
            join pgq.consumer c on c.co_id = s.sub_consumer
            where s.sub_queue = v_ids.queue_id and s.sub_id = v_main.sub_id and s.sub_consumer <> v_ids.main_id
                and starts_with(c.co_name, group_name || '.')
                and s.sub_last_tick is not null
                and (s.sub_batch is null or s.sub_active <= to_timestamp(0) or s.sub_active < clock_timestamp() - dead_interval)
            order by s.sub_last_tick, s.sub_consumer
            limit 1;
            v_found := found;
            v_look_at := case when clock_timestamp() - v_began < interval '0.5 milliseconds' then '-infinity'
                else clock_timestamp() + 20 * (clock_timestamp() - v_began) end;
        end if;
        if v_found then
            if v_other.sub_batch is null then
                perform tributary.coop_mend(v_ids.queue_id, v_other.sub_consumer, v_other.co_name);
                continue;
            end if;
            select s.sub_consumer, s.sub_batch, s.sub_last_tick, s.sub_next_tick, c.co_name into v_other
            from pgq.subscription s
            join pgq.consumer c on c.co_id = s.sub_consumer
            where s.sub_queue = v_ids.queue_id and s.sub_id = v_main.sub_id and s.sub_consumer <> v_ids.main_id
                and starts_with(c.co_name, group_name || '.')
                and s.sub_batch is not null
                and (s.sub_active <= to_timestamp(0) or s.sub_active < clock_timestamp() - dead_interval)
            order by s.sub_last_tick, s.sub_consumer
            limit 1
            for update of s skip locked;
            if found then
                perform tributary.coop_forget(v_ids.queue_id, v_other.sub_consumer);
                perform tributary.coop_end_holder(v_other.sub_batch);
                start_tick := v_other.sub_last_tick;
                end_tick := v_other.sub_next_tick;
                taken_over_from := tributary.coop_member_of(group_name, v_other.co_name);
                batch_id := tributary.coop_open(v_mine.at, v_ids.queue_id, v_ids.mine_id,
                    array[start_tick, end_tick], knows_progress);
                exit when knows_progress or not tributary.coop_put_back(batch_id, queue, group_name);
                continue;
            end if;
        end if;
        if v_main.sub_batch is not null then
            perform tributary.coop_part(v_main.sub_batch, group_name);
            continue;
        end if;
        if not v_end.start_found then
            perform 1 from pgq.subscription s
            where s.sub_queue = v_ids.queue_id and s.sub_consumer = v_ids.main_id and s.sub_last_tick = v_main.sub_last_tick;
            if not found then
                continue;
            end if;
            raise exception using errcode = 'data_corrupted', message = format(
                'Group %s of queue %s stands at tick %s, which no longer exists: move it to one that does with pgq.register_consumer_at.',
                group_name, queue, v_main.sub_last_tick);
        end if;
        if v_end.end_tick is null then
            return;
        end if;
        update pgq.subscription s
        set sub_last_tick = v_end.end_tick, sub_active = clock_timestamp()
        where s.ctid = v_main.at and s.sub_queue = v_ids.queue_id and s.sub_consumer = v_ids.main_id
            and s.sub_last_tick = v_main.sub_last_tick and s.sub_batch is null
        returning s.ctid into v_main_at;
        if found then
            start_tick := v_main.sub_last_tick;
            end_tick := v_end.end_tick;
            start_time := v_end.start_time;
            end_time := v_end.end_time;
            openings := 1;
            if (select (a.last_value + b.last_value) % 128 = 0 from tributary.coop_token a, tributary.coop_plain_token b) then
                select r.at, r.consumer_id into v_mine_at, v_ids.mine_id
                from tributary.coop_renew(v_mine.at, v_ids.queue_id, v_ids.mine_id, v_name) r;
                v_mine.at := v_mine_at;
            end if;
            batch_id := tributary.coop_open(v_mine.at, v_ids.queue_id, v_ids.mine_id,
                array[start_tick, end_tick], knows_progress);
            delete from tributary.narrowing n
            where n.central_queue = queue and n.group_name = coop_next_batch.group_name
                and n.start_tick = v_main.sub_last_tick and n.end_tick = v_end.end_tick;
            delete from tributary.coop_opening o
            where o.queue_id = v_ids.queue_id and o.sub_id = v_main.sub_id
                and o.start_tick = v_main.sub_last_tick and o.end_tick = v_end.end_tick;
            perform set_config('tributary.coop_memo', concat_ws(' ', v_ids.queue_id, v_ids.main_id, v_ids.mine_id,
                v_main_at, v_mine_at, extract(epoch from v_look_at)), false);
            return;
        end if;
        v_main_at := v_main.at;
    end loop;
    insert into tributary.coop_opening as o (queue_id, sub_id, start_tick, end_tick, openings)
    values (v_ids.queue_id, v_main.sub_id, coop_next_batch.start_tick, coop_next_batch.end_tick, 2)
    on conflict on constraint coop_opening_pkey do update set openings = o.openings + 1
    returning o.openings into openings;
    select t.tick_time into start_time from pgq.tick t where t.tick_queue = v_ids.queue_id and t.tick_id = start_tick;
    select t.tick_time into end_time from pgq.tick t where t.tick_queue = v_ids.queue_id and t.tick_id = end_tick;
end;
$$;
revoke all on function tributary.coop_next_batch(text, text, text, interval, interval, integer, interval, boolean) from public;
do $$
begin
    if to_regrole('pgq_reader') is not null then
        grant execute on function tributary.coop_next_batch(text, text, text, interval, interval, integer, interval, boolean) to pgq_reader;
    end if;
end;
$$;
create or replace function tributary.coop_new_token(knows_progress boolean)
returns bigint
language sql
as $$
    select case when knows_progress then nextval('tributary.coop_token') else nextval('tributary.coop_plain_token') end
$$;
revoke all on function tributary.coop_new_token(boolean) from public;
create or replace function tributary.coop_open(
    at tid, queue_id integer, consumer_id integer, ticks bigint[], knows_progress boolean)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_token bigint := tributary.coop_new_token(knows_progress);
begin
    update pgq.subscription s
    set sub_batch = v_token, sub_last_tick = ticks[1], sub_next_tick = ticks[2], sub_active = clock_timestamp()
    where s.ctid = at and s.sub_queue = queue_id and s.sub_consumer = consumer_id and s.sub_batch is null;
    if not found then
        raise exception using errcode = 'serialization_failure', message = format(
            'Consumer %s asked for a batch twice at the same moment, or was unregistered at it: ask again.',
            (select c.co_name from pgq.consumer c where c.co_id = consumer_id));
    end if;
    return v_token;
end;
$$;
revoke all on function tributary.coop_open(tid, integer, integer, bigint[], boolean) from public;
create or replace function tributary.coop_renew(
    inout at tid, queue_id integer, inout consumer_id integer, consumer_name text)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_old   pgq.subscription;
begin
    perform 1 from pgq.consumer where co_id = consumer_id for update skip locked;
    if not found then
        return;
    end if;
    perform 1 from pgq.subscription s where s.sub_consumer = consumer_id and s.sub_queue <> coop_renew.queue_id;
    if found then
        return;
    end if;
    delete from pgq.subscription s
    where s.ctid = at and s.sub_queue = queue_id and s.sub_consumer = consumer_id and s.sub_batch is null
    returning s.* into v_old;
    if not found then
        return;
    end if;
    delete from pgq.consumer where co_id = consumer_id;
    insert into pgq.consumer (co_name) values (consumer_name) returning co_id into consumer_id;
    insert into pgq.subscription as s (sub_id, sub_queue, sub_consumer, sub_last_tick, sub_active)
    values (v_old.sub_id, v_old.sub_queue, consumer_id, null, v_old.sub_active)
    returning s.ctid into at;
end;
$$;
revoke all on function tributary.coop_renew(tid, integer, integer, text) from public;
create or replace function tributary.coop_part(batch bigint, group_name text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_name      text := group_name || '.%batch ' || batch;
    v_main      pgq.subscription;
    v_consumer  integer;
begin
    select * into v_main from pgq.subscription where sub_batch = batch for update;
    if not found then
        return;
    end if;
    update pgq.subscription
    set sub_last_tick = sub_next_tick, sub_next_tick = null, sub_batch = null
    where sub_batch = batch;
    insert into pgq.consumer as c (co_name) values (v_name)
    on conflict (co_name) do update set co_name = excluded.co_name
    returning c.co_id into v_consumer;
    insert into pgq.subscription (sub_id, sub_queue, sub_consumer, sub_last_tick, sub_active, sub_batch, sub_next_tick)
    values (v_main.sub_id, v_main.sub_queue, v_consumer, v_main.sub_last_tick, v_main.sub_active, batch, v_main.sub_next_tick);
end;
$$;
revoke all on function tributary.coop_part(bigint, text) from public;
create or replace function tributary.coop_put_back(x_batch bigint, x_queue text, x_group text)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_done  bigint;
    v_owner integer;
    e       record;
begin
    select n.last_event_id, b.sub_id into v_done, v_owner
    from pgq.subscription b
    join tributary.narrowing n on n.central_queue = x_queue and n.group_name = x_group
        and n.start_tick = b.sub_last_tick and n.end_tick = b.sub_next_tick
    where b.sub_batch = x_batch;
    if v_done is null then
        return false;
    end if;
    for e in select * from pgq.get_batch_events(x_batch) b where b.ev_id > v_done loop
        if exists (select from pgq.retry_queue r where r.ev_owner = v_owner and r.ev_id = e.ev_id) then
            insert into tributary.dead_event (kind, central_queue, ev_id, ev_time, ev_retry, ev_type, ev_data,
                                              ev_extra1, ev_extra2, ev_extra3, ev_extra4, error, attempts)
            values ('conflict', x_queue, e.ev_id, e.ev_time, e.ev_retry, e.ev_type, e.ev_data,
                    e.ev_extra1, e.ev_extra2, e.ev_extra3, e.ev_extra4,
                    'Its batch went to a program that does not know what was done of it, and another event with the id '
                    || e.ev_id || ' waits already.', 1);
            continue;
        end if;
        perform pgq.event_retry_raw(x_queue, x_group, clock_timestamp(), e.ev_id, e.ev_time, e.ev_retry, e.ev_type, e.ev_data,
                                    e.ev_extra1, e.ev_extra2, e.ev_extra3, e.ev_extra4);
    end loop;
    perform tributary.coop_finish_batch(x_batch);
    return true;
end;
$$;
revoke all on function tributary.coop_put_back(bigint, text, text) from public;
create or replace function tributary.coop_register(queue text, group_name text, member text)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queue     integer;
    v_main      pgq.subscription;
    v_name      text := tributary.coop_member_name(group_name, member);
    v_consumer  integer;
    v_mine      pgq.subscription;
begin
    if coalesce(group_name, '') = '' or coalesce(member, '') = '' then
        raise exception using errcode = 'invalid_parameter_value', message = 'A group and its member need names.';
    end if;
    for v_try in 1 .. 20 loop
        select q.queue_id into v_queue from pgq.queue q where q.queue_name = coop_register.queue;
        begin
            v_main := tributary.coop_group(queue, group_name);
            select s.* into v_mine
            from pgq.consumer c join pgq.subscription s on s.sub_queue = v_queue and s.sub_consumer = c.co_id
            where c.co_name = v_name;
            if found then
                if v_mine.sub_id <> v_main.sub_id then
                    raise exception using errcode = 'duplicate_object', message = format(
                        'Queue %s has a consumer %s that is no member of group %s: choose another name for the member.',
                        queue, v_name, group_name);
                end if;
                update pgq.subscription set sub_active = clock_timestamp()
                where sub_queue = v_queue and sub_consumer = v_mine.sub_consumer and sub_active = to_timestamp(0);
                return found::integer;
            end if;
            select co_id into v_consumer from pgq.consumer where co_name = v_name;
            if not found then
                insert into pgq.consumer (co_name) values (v_name) on conflict (co_name) do nothing
                returning co_id into v_consumer;
            end if;
            if v_consumer is not null then
                insert into pgq.subscription (sub_id, sub_queue, sub_consumer, sub_last_tick, sub_active)
                values (v_main.sub_id, v_queue, v_consumer, null, clock_timestamp())
                on conflict (sub_queue, sub_consumer) do nothing;
                if found then
                    return 1;
                end if;
            end if;
        exception
            when unique_violation or foreign_key_violation then
                if v_try = 20 then
                    raise;
                end if;
        end;
    end loop;
    raise exception using errcode = 'serialization_failure', message = format(
        'Member %s of group %s on queue %s is being registered and removed by others at the same moment: try again.', member, group_name, queue);
end;
$$;
revoke all on function tributary.coop_register(text, text, text) from public;
do $$
begin
    if to_regrole('pgq_reader') is not null then
        grant execute on function tributary.coop_register(text, text, text) to pgq_reader;
    end if;
end;
$$;
create or replace function tributary.coop_register_group(queue text, group_name text)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if coalesce(group_name, '') = '' then
        raise exception using errcode = 'invalid_parameter_value', message = 'A group needs a name.';
    end if;
    for v_try in 1 .. 20 loop
        perform 1 from pgq.queue q where q.queue_name = coop_register_group.queue
            and not exists (
                select from pgq.subscription s join pgq.consumer c on c.co_id = s.sub_consumer
                where s.sub_queue = q.queue_id and c.co_name = coop_register_group.group_name);
        if not found then
            return 0;
        end if;
        perform 1 from tributary.identity i where 'workers_' || i.name = group_name;
        if found then
            perform tributary.coop_group(queue, group_name);
        end if;
        begin
            insert into pgq.consumer (co_name) values (group_name) on conflict (co_name) do nothing;
            return pgq.register_consumer(queue, group_name);
        exception
            when unique_violation or foreign_key_violation then
                if v_try = 20 then
                    raise;
                end if;
        end;
    end loop;
    return 0;
end;
$$;
revoke all on function tributary.coop_register_group(text, text) from public;
create or replace function tributary.coop_row(queue_id integer, consumer_id integer, hint tid,
    out sub_id integer, out sub_last_tick bigint, out sub_next_tick bigint, out sub_batch bigint, out at tid)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if hint is not null then
        begin
            hint := currtid2('pgq.subscription', hint);
        exception when others then
            hint := null;
        end;
        select s.sub_id, s.sub_last_tick, s.sub_next_tick, s.sub_batch, s.ctid
        into sub_id, sub_last_tick, sub_next_tick, sub_batch, at
        from pgq.subscription s
        where s.ctid = hint and s.sub_queue = queue_id and s.sub_consumer = consumer_id;
        if found then
            return;
        end if;
    end if;
    select s.sub_id, s.sub_last_tick, s.sub_next_tick, s.sub_batch, s.ctid
    into sub_id, sub_last_tick, sub_next_tick, sub_batch, at
    from pgq.subscription s
    where s.sub_queue = queue_id and s.sub_consumer = consumer_id;
end;
$$;
revoke all on function tributary.coop_row(integer, integer, tid) from public;
create or replace function tributary.coop_touch(batch_id bigint)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform 1 from pgq.subscription where sub_batch = batch_id for update skip locked;
    if not found then
        return exists (select from pgq.subscription where sub_batch = batch_id);
    end if;
    update pgq.subscription set sub_active = clock_timestamp()
    where sub_batch = batch_id and sub_active > to_timestamp(0);
    return true;
end;
$$;
revoke all on function tributary.coop_touch(bigint) from public;
do $$
begin
    if to_regrole('pgq_reader') is not null then
        grant execute on function tributary.coop_touch(bigint) to pgq_reader;
    end if;
end;
$$;
create or replace function tributary.coop_unregister(queue text, group_name text, member text)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_main  pgq.subscription;
    v_mine  pgq.subscription;
begin
    v_main := tributary.coop_group(queue, group_name);
    select s.* into v_mine
    from pgq.subscription s
    join pgq.consumer c on c.co_id = s.sub_consumer
    where s.sub_queue = v_main.sub_queue and s.sub_id = v_main.sub_id
        and c.co_name = tributary.coop_member_name(group_name, member)
    for update of s;
    if not found or v_mine.sub_batch is not null and v_mine.sub_active <= to_timestamp(0) then
        return 0;
    end if;
    if v_mine.sub_batch is null then
        perform tributary.coop_forget(v_mine.sub_queue, v_mine.sub_consumer);
    else
        update pgq.subscription set sub_active = to_timestamp(0)
        where sub_queue = v_mine.sub_queue and sub_consumer = v_mine.sub_consumer;
    end if;
    return 1;
end;
$$;
revoke all on function tributary.coop_unregister(text, text, text) from public;
do $$
begin
    if to_regrole('pgq_reader') is not null then
        grant execute on function tributary.coop_unregister(text, text, text) to pgq_reader;
    end if;
end;
$$;
create or replace function tributary.coop_leave(queue text, group_name text, member text, batch_id bigint)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_main  pgq.subscription := tributary.coop_group(queue, group_name);
begin
    perform 1
    from pgq.subscription s
    join pgq.consumer c on c.co_id = s.sub_consumer
    where s.sub_queue = v_main.sub_queue and s.sub_id = v_main.sub_id
        and c.co_name = tributary.coop_member_name(group_name, member)
        and (s.sub_batch is null or s.sub_batch = coop_leave.batch_id)
    for update of s;
    return case when found then tributary.coop_unregister(queue, group_name, member) else 0 end;
end;
$$;
revoke all on function tributary.coop_leave(text, text, text, bigint) from public;
do $$
begin
    if to_regrole('pgq_reader') is not null then
        grant execute on function tributary.coop_leave(text, text, text, bigint) to pgq_reader;
    end if;
end;
$$;
create or replace function tributary.create_position(
    x_source            integer,
    x_tick_id           bigint,
    x_tick_time_us      bigint,
    x_tick_event_seq    bigint,
    x_snapshot_md5      text)
returns boolean as $$
declare
    v_state text;
begin
    lock table tributary.position_table in row exclusive mode;
    select state into v_state from tributary.source where id = x_source for update;
    if v_state is null then
        raise exception 'source % is not known', x_source;
    end if;
    if v_state <> 'registering' or exists (select from tributary.position where source = x_source) then
        return false;
    end if;
    if (select current from tributary.position_table) = 0 then
        insert into tributary.position_0 (source, n, tick_id, tick_time_us, tick_event_seq, tick_snapshot_md5, moved)
        values (x_source, 1, x_tick_id, x_tick_time_us, x_tick_event_seq, x_snapshot_md5, 0);
    else
        insert into tributary.position_1 (source, n, tick_id, tick_time_us, tick_event_seq, tick_snapshot_md5, moved)
        values (x_source, 1, x_tick_id, x_tick_time_us, x_tick_event_seq, x_snapshot_md5, 0);
    end if;
    update tributary.source set state = 'active' where id = x_source;
    return true;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.dead_matching(x_filter jsonb)
returns setof bigint as $$
    select d.id
    from tributary.dead_event d
    where (d.redriven_at is null or coalesce((x_filter->>'redriven')::boolean, false))
      and (x_filter->>'ids' is null or d.id = any (array(select jsonb_array_elements_text(x_filter->'ids')::bigint)))
      and (x_filter->>'queue' is null or d.central_queue = x_filter->>'queue')
      and (x_filter->>'shard' is null or coalesce(d.shard, split_part(d.origin, ':', 1)) = x_filter->>'shard')
      and (x_filter->>'type' is null or d.ev_type = x_filter->>'type')
      and (x_filter->>'error' is null or x_filter->>'error' <> '' and strpos(d.error, x_filter->>'error') > 0)
      and (x_filter->>'older_ms' is null or d.died_at < now() - (x_filter->>'older_ms')::float8 * interval '1 millisecond')
      and (x_filter->>'kind' is null or d.kind = x_filter->>'kind')
      and (x_filter->>'upto' is null or d.id <= (x_filter->>'upto')::bigint)
$$ language sql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.dead_list(x_filter jsonb, x_limit integer)
returns table (id bigint, queue text, origin text, kind text, type text, attempts integer, first text, died text,
    redriven text, sqlstate text, error text, total bigint) as $$
    select d.id, d.central_queue, d.origin, d.kind, d.ev_type, d.attempts,
        to_char(d.first_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        to_char(d.died_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        to_char(d.redriven_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), d.sqlstate, d.error, count(*) over ()
    from tributary.dead_event d
    where d.id in (select tributary.dead_matching(x_filter))
    order by d.id desc
    limit x_limit
$$ language sql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.dead_count(x_filter jsonb, x_group text)
returns table (queue text, kind text, events bigint, newest bigint, has_queue boolean, has_group boolean) as $$
    select d.central_queue, d.kind, count(*), max(d.id),
        exists (select from pgq.queue q where q.queue_name = d.central_queue),
        exists (select from pgq.queue q
                join pgq.subscription s on s.sub_queue = q.queue_id
                join pgq.consumer c on c.co_id = s.sub_consumer
                where q.queue_name = d.central_queue and c.co_name = x_group)
    from tributary.dead_event d
    where d.id in (select tributary.dead_matching(x_filter))
    group by d.central_queue, d.kind
    order by d.central_queue, d.kind
$$ language sql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.dead_page(x_filter jsonb, x_after bigint, x_limit integer)
returns table (id bigint, queue text, kind text, is_whole boolean) as $$
    select d.id, d.central_queue, d.kind, coalesce(length(d.raw) = d.raw_length, false)
    from tributary.dead_event d
    where d.id > x_after and d.id in (select tributary.dead_matching(x_filter))
    order by d.id
    limit x_limit
$$ language sql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.dead_show(x_id bigint)
returns table (id bigint, queue text, origin text, shard text, source_queue text, kind text, attempts integer, first text,
    died text, sqlstate text, error text, stack text, ev_id bigint, "time" text, type text, data text, extra1 text, extra2 text,
    extra3 text, extra4 text, raw text, raw_length bigint, redriven text) as $$
    select d.id, d.central_queue, d.origin, d.shard, d.source_queue, d.kind, d.attempts,
        to_char(d.first_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        to_char(d.died_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), d.sqlstate, d.error, d.stack, d.ev_id,
        to_char(d.ev_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), d.ev_type, d.ev_data, d.ev_extra1, d.ev_extra2,
        d.ev_extra3, d.ev_extra4, encode(d.raw, 'base64'), d.raw_length,
        to_char(d.redriven_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
    from tributary.dead_event d where d.id = x_id
$$ language sql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.dead_discard(x_filter jsonb, x_limit integer)
returns bigint as $$
    with gone as (
        delete from tributary.dead_event d
        where d.id in (select m.id from tributary.dead_matching(x_filter) m (id) order by m.id limit x_limit)
        returning 1)
    select count(*) from gone
$$ language sql set search_path = pg_catalog, pg_temp;
create or replace function tributary.dead_expire(x_queue text, x_keep_ms float8, x_limit integer)
returns bigint as $$
    with gone as (
        delete from tributary.dead_event d
        where d.id in (
            select e.id from tributary.dead_event e
            where e.central_queue = x_queue
              and coalesce(e.redriven_at, e.died_at) < now() - x_keep_ms * interval '1 millisecond'
            order by coalesce(e.redriven_at, e.died_at) limit x_limit)
        returning 1)
    select count(*) from gone
$$ language sql set search_path = pg_catalog, pg_temp;
create or replace function tributary.dead_retry(x_queue text, x_group text, x_ids bigint[])
returns table (id bigint, is_out boolean) as $$
declare
    d   record;
begin
    perform tributary.coop_group(x_queue, x_group);
    for d in
        select * from tributary.dead_event e
        where e.id = any (x_ids) and e.central_queue = x_queue and e.kind <> 'poison' and e.redriven_at is null
        order by e.id
        for update
    loop
        begin
            perform pgq.event_retry_raw(x_queue, x_group, clock_timestamp(), d.ev_id, d.ev_time, null, d.ev_type, d.ev_data,
                                        d.ev_extra1, d.ev_extra2, d.ev_extra3, d.ev_extra4);
            update tributary.dead_event e set redriven_at = clock_timestamp(), redriven = e.redriven + 1 where e.id = d.id;
            is_out := true;
        exception when unique_violation then
            is_out := false;
        end;
        id := d.id;
        return next;
    end loop;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.dead_raw(x_ids bigint[])
returns table (id bigint, raw text) as $$
    select d.id, encode(d.raw, 'base64')
    from tributary.dead_event d
    where d.id = any (x_ids) and d.redriven_at is null and length(d.raw) = d.raw_length
    order by d.id
$$ language sql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.dead_stored(x_ids bigint[])
returns void as $$
declare
    v_marked    bigint;
begin
    update tributary.dead_event d set redriven_at = clock_timestamp(), redriven = d.redriven + 1
    where d.id = any (x_ids) and d.redriven_at is null;
    get diagnostics v_marked = row_count;
    if v_marked <> cardinality(x_ids) then
        raise exception using errcode = 'object_in_use',
            message = 'Somebody else retries or discards the same dead events.';
    end if;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.dead_refused(x_id bigint, x_error text, x_sqlstate text)
returns void as $$
    update tributary.dead_event
    set error = x_error, sqlstate = x_sqlstate, attempts = attempts + 1, redriven = redriven + 1, died_at = now()
    where id = x_id and redriven_at is null
$$ language sql set search_path = pg_catalog, pg_temp;
create or replace function tributary.dead_sums(x_filter jsonb, x_by text, x_limit integer)
returns table (what text, queues text[], events bigint, first text, last text, total bigint) as $$
    select s.what, array_agg(distinct s.central_queue order by s.central_queue), count(*),
        to_char(min(s.died_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        to_char(max(s.died_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), count(*) over ()
    from (
        select d.central_queue, d.died_at,
            case x_by when 'queue' then d.central_queue when 'type' then d.ev_type
                else regexp_replace(d.error, '[0-9]+', 'N', 'g') end as what
        from tributary.dead_event d
        where d.id in (select tributary.dead_matching(x_filter))) s
    group by s.what
    order by count(*) desc, s.what
    limit x_limit
$$ language sql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.halt_source(x_source integer, x_code text, x_reason text)
returns boolean as $$
begin
    update tributary.source
    set state = 'halted', halt_code = x_code, halt_reason = x_reason, halted_at = now()
    where id = x_source and state = 'active';
    return found;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.held(x_queues text[])
returns table (queue text, bytes bigint, waiting bigint) as $$
    select q.queue_name,
        (select sum(pg_total_relation_size(i.inhrelid))
         from pg_inherits i where i.inhparent = q.queue_data_pfx::regclass)::bigint,
        coalesce((select max(pgq.seq_getval(q.queue_event_seq) - t.tick_event_seq)
         from pgq.subscription s
         join pgq.tick t on t.tick_queue = s.sub_queue and t.tick_id = s.sub_last_tick
         where s.sub_queue = q.queue_id), 0)::bigint
    from pgq.queue q
    where q.queue_name = any (x_queues)
$$ language sql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.insert_positions(x_positions jsonb)
returns integer as $$
declare
    v_current   integer;
    v_stored    integer;
begin
    lock table tributary.position_table in row exclusive mode;
    select current into v_current from tributary.position_table;
    execute format($sql$
        insert into tributary.position_%s (source, n, tick_id, tick_time_us, tick_event_seq, tick_snapshot_md5,
            end_tick_id, end_tick_time_us, end_tick_event_seq, end_snapshot_md5, last_event_id, moved)
        select r.source, r.n, r.tick_id, r.tick_time_us, r.tick_event_seq, r.tick_snapshot_md5,
            r.end_tick_id, r.end_tick_time_us, r.end_tick_event_seq, r.end_snapshot_md5,
            r.last_event_id, newest.moved + r.moved
        from jsonb_to_recordset($1) as r (source integer, n bigint, after_tick_id bigint, after_tick_time_us bigint,
                after_end_tick_id bigint, after_last_event_id bigint,
                tick_id bigint, tick_time_us bigint, tick_event_seq bigint, tick_snapshot_md5 text,
                end_tick_id bigint, end_tick_time_us bigint, end_tick_event_seq bigint, end_snapshot_md5 text,
                last_event_id bigint, moved bigint)
        cross join lateral (
            select p.n, p.tick_id, p.tick_time_us, p.end_tick_id, p.last_event_id, p.moved from tributary.position p
            where p.source = r.source order by p.n desc limit 1) newest
        where newest.n = r.n - 1
          and newest.tick_id = r.after_tick_id
          and newest.tick_time_us = r.after_tick_time_us
          and newest.end_tick_id is not distinct from r.after_end_tick_id
          and newest.last_event_id is not distinct from r.after_last_event_id
        order by r.source
        on conflict (source, n) do nothing
        $sql$, v_current) using x_positions;
    get diagnostics v_stored = row_count;
    if v_stored <> jsonb_array_length(x_positions) then
        raise exception using errcode = 'TB010',
            message = 'a source''s position is not where this mover left it: another mover moved it, or central was restored';
    end if;
    return v_stored;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.lag_central(x_queues text[], x_group text)
returns table (
    queue text, is_there boolean, has_group boolean, wanted integer, running integer, parked text, troubled text,
    tried bigint, failed bigint, failure text, batches jsonb, events_behind bigint,
    exact boolean, seconds_behind double precision, position_tick bigint, tick_is_gone boolean, retrying bigint,
    dead bigint) as $$
#variable_conflict use_column
declare
    c_counted   constant integer := 10000;
    q           record;
    g           record;
    b           record;
    v_oldest    timestamptz;
    v_found     record;
begin
    for q in
        select w.name, pq.queue_id, pq.queue_data_pfx, pq.queue_event_seq
        from unnest(x_queues) with ordinality w (name, n)
        left join pgq.queue pq on pq.queue_name = w.name
        order by w.n
    loop
        queue := q.name;
        is_there := q.queue_id is not null;
        events_behind := null;
        exact := false;
        seconds_behind := null;
        tick_is_gone := false;
        select p.wanted into wanted from tributary.worker_pool p where p.central_queue = q.name;
        select coalesce(sum(least(h.slots, coalesce((m.details -> 'running' ->> q.name)::bigint, h.slots))), 0),
            min('on ' || m.host || ': ' || (m.details -> 'parked' ->> q.name)),
            min('on ' || m.host || ': ' || (m.details -> 'troubled' ->> q.name)),
            coalesce(sum((m.details -> 'recent' -> q.name ->> 'tried')::bigint), 0),
            coalesce(sum((m.details -> 'recent' -> q.name ->> 'failed')::bigint), 0),
            (array_agg(m.details -> 'recent' -> q.name ->> 'error'
                order by (m.details -> 'recent' -> q.name ->> 'failed')::bigint desc nulls last))[1],
            coalesce(jsonb_path_query_array(jsonb_agg(m.details -> 'batches' -> q.name)
                filter (where jsonb_typeof(m.details -> 'batches' -> q.name) = 'array'), '$[*][*]'), '[]')
        into running, parked, troubled, tried, failed, failure, batches
        from (select l.holder, count(*) as slots
              from tributary.lease l
              where starts_with(l.resource, 'slot:' || q.name || '#') and l.is_held
                  and substr(l.resource, length('slot:' || q.name || '#') + 1) ~ '^[0-9]+$'
              group by l.holder) h
        join tributary.member m on m.id = h.holder;
        select count(*) into dead from tributary.dead_event d
        where d.central_queue = q.name and d.redriven_at is null;
        select s.sub_id, s.sub_consumer, s.sub_last_tick, t.tick_id, t.tick_time, t.tick_event_seq, t.tick_snapshot into g
        from pgq.consumer c
        join pgq.subscription s on s.sub_queue = q.queue_id and s.sub_consumer = c.co_id
        left join pgq.tick t on t.tick_queue = s.sub_queue and t.tick_id = s.sub_last_tick
        where c.co_name = x_group;
        has_group := found;
        position_tick := g.sub_last_tick;
        retrying := 0;
        if not has_group then
            return next;
            continue;
        end if;
        select count(*) into retrying from pgq.retry_queue r where r.ev_owner = g.sub_id and r.ev_queue = q.queue_id;
        if g.tick_id is null then
            tick_is_gone := true;
            return next;
            continue;
        end if;
        select * into v_found from tributary.lag_rows(q.queue_data_pfx, g.tick_snapshot, null, g.sub_id, c_counted + 1);
        events_behind := v_found.rows;
        exact := v_found.rows <= c_counted;
        if not exact then
            events_behind := greatest(v_found.rows,
                tributary.lag_estimate(q.queue_data_pfx, g.tick_snapshot, null));
        end if;
        v_oldest := null;
        if v_found.rows > 0 then
            select least(v_found.oldest, t.tick_time) into v_oldest
            from (select t.tick_time from pgq.tick t
                  where t.tick_queue = q.queue_id and t.tick_id > g.tick_id order by t.tick_id limit 1) t;
            v_oldest := coalesce(v_oldest, v_found.oldest, g.tick_time);
        end if;
        for b in
            select s.sub_last_tick, f.tick_id as from_tick, f.tick_snapshot as from_snapshot,
                e.tick_snapshot as end_snapshot,
                (select t.tick_time from pgq.tick t
                 where t.tick_queue = q.queue_id and t.tick_id > s.sub_last_tick order by t.tick_id limit 1) as oldest
            from pgq.subscription s
            left join pgq.tick f on f.tick_queue = s.sub_queue and f.tick_id = s.sub_last_tick
            left join pgq.tick e on e.tick_queue = s.sub_queue and e.tick_id = s.sub_next_tick
            where s.sub_queue = q.queue_id and s.sub_id = g.sub_id and s.sub_consumer <> g.sub_consumer
                and s.sub_last_tick is not null and s.sub_batch is not null
        loop
            if b.from_snapshot is null or b.end_snapshot is null then
                tick_is_gone := true;
                exact := false;
                continue;
            end if;
            select * into v_found
            from tributary.lag_rows(q.queue_data_pfx, b.from_snapshot, b.end_snapshot, g.sub_id, c_counted + 1);
            if v_found.rows > 0 then
                v_oldest := least(v_oldest, v_found.oldest, b.oldest);
                if v_found.rows > c_counted then
                    exact := false;
                    events_behind := events_behind + greatest(v_found.rows,
                        tributary.lag_estimate(q.queue_data_pfx, b.from_snapshot, b.end_snapshot));
                else
                    events_behind := events_behind + v_found.rows;
                end if;
            end if;
        end loop;
        seconds_behind := coalesce(greatest(extract(epoch from clock_timestamp() - v_oldest), 0), 0);
        return next;
    end loop;
end;
$$ language plpgsql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.lag_rows(
    x_table text, x_from txid_snapshot, x_end txid_snapshot, x_group integer, x_limit integer,
    out rows bigint, out oldest timestamptz) as $$
begin
    execute format($sql$
        select count(*), min(r.ev_time) filter (where r.ev_retry is null)
        from (
            select * from (
                select e.ev_time, e.ev_retry from %1$s e
                where e.ev_txid = any (array(select txid_snapshot_xip($1)))
                    and (e.ev_owner is null or e.ev_owner = $3) and ($2 is null or txid_visible_in_snapshot(e.ev_txid, $2))
                limit $4) open_then
            union all
            select * from (
                select e.ev_time, e.ev_retry from %1$s e
                where e.ev_txid >= txid_snapshot_xmax($1)
                    and (e.ev_owner is null or e.ev_owner = $3) and ($2 is null or txid_visible_in_snapshot(e.ev_txid, $2))
                order by e.ev_txid limit $4) begun_since
            limit $4) r
        $sql$, x_table)
    into rows, oldest using x_from, x_end, x_group, x_limit;
end;
$$ language plpgsql stable
   set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off;
create or replace function tributary.lag_estimate(x_table text, x_from txid_snapshot, x_end txid_snapshot)
returns bigint as $$
declare
    c_transactions  constant integer := 500;
    v_open          bigint[] := array(select xip from txid_snapshot_xip(x_from) xip order by xip);
    v_begun         bigint := txid_snapshot_xmax(x_from) - 1;
    v_txid          bigint;
    v_first         bigint;
    v_last          bigint;
    v_newest        bigint := 0;
    v_sum           bigint := 0;
begin
    for i in 1 .. c_transactions + cardinality(v_open) loop
        v_txid := v_open[i];
        if v_txid is null then
            execute format('select e.ev_txid from %s e where e.ev_txid > $1 order by e.ev_txid limit 1', x_table)
            into v_begun using v_begun;
            exit when v_begun is null or v_begun >= txid_snapshot_xmax(x_end);
            v_txid := v_begun;
        end if;
        continue when not txid_visible_in_snapshot(v_txid, x_end);
        execute format('select e.ev_id from %s e where e.ev_txid between $1 and $1 order by e.ev_txid limit 1', x_table)
        into v_first using v_txid;
        continue when v_first is null;
        execute format('select e.ev_id from %s e where e.ev_txid between $1 and $1 order by e.ev_txid desc limit 1', x_table)
        into v_last using v_txid;
        v_sum := v_sum + greatest(v_last - v_first + 1, 1);
        v_newest := greatest(v_newest, v_last);
    end loop;
    if v_begun < txid_snapshot_xmax(x_end) or v_begun is not null and x_end is null then
        execute format('select e.ev_id from %s e where $1 is null or e.ev_txid < $1 order by e.ev_txid desc limit 1', x_table)
        into v_last using txid_snapshot_xmax(x_end);
        v_sum := v_sum + greatest(v_last - v_newest, 0);
    end if;
    return v_sum;
end;
$$ language plpgsql stable
   set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off
   set jit = off;
create or replace function tributary.lag_sources()
returns table (
    source integer, shard text, queue text, central_queue text, state text, halt_reason text, paused boolean,
    pause_reason text, paused_age_s double precision, n bigint, tick_id bigint, tick_time_us bigint,
    tick_event_seq bigint, tick_snapshot_md5 text, end_tick_id bigint, last_event_id bigint, moved bigint,
    report_age_s double precision, figures_age_s double precision, report_state text, report_reason text, mover text,
    events_behind bigint, exact boolean, seconds_behind double precision, last_tick bigint, provider text,
    holder text, freed_age_s double precision) as $$
    select s.id, s.shard, s.queue, s.central_queue, s.state, s.halt_reason, s.paused_at is not null, s.pause_reason,
        extract(epoch from now() - s.paused_at)::double precision, p.n, p.tick_id, p.tick_time_us, p.tick_event_seq,
        p.tick_snapshot_md5, p.end_tick_id, p.last_event_id, p.moved,
        extract(epoch from now() - l.reported_at)::double precision,
        extract(epoch from now() - l.at)::double precision,
        l.state, l.reason, l.mover, l.events_behind, l.exact, l.seconds_behind, l.last_tick, l.provider,
        case when e.is_held then e.host end,
        case when e.holder is null then extract(epoch from now() - e.freed_at)::double precision end
    from tributary.source s
    left join lateral (
        select * from tributary.position p where p.source = s.id order by p.n desc limit 1) p on true
    left join tributary.source_lag l on l.source = s.id
    left join tributary.lease e on e.resource = 'shard:' || s.shard
    where s.state <> 'retired'
    order by s.shard, s.queue
$$ language sql stable
   set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off;
create or replace function tributary.lease_beat(
    member uuid, kind text, host text, details jsonb, ttl interval, wanted text[], release text[], max_new integer)
returns table (resource text, epoch bigint, until timestamptz, taken boolean,
    previous_backend_pid integer, previous_backend_start timestamptz, previous_holder uuid)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_id        uuid := member;
    v_ttl       interval := ttl;
    v_now       timestamptz;
    v_me        tributary.member;
    v_since     timestamptz;
    v_lapsed    boolean := false;
    v_backend   timestamptz := (select a.backend_start from pg_stat_get_activity(pg_backend_pid()) a);
    v_row       record;
    v_taken     text[] := '{}';
    v_pids      integer[] := '{}';
    v_starts    timestamptz[] := '{}';
    v_holders   uuid[] := '{}';
begin
    select * into v_me from tributary.member m where m.id = v_id for update;
    v_now := clock_timestamp();
    if v_me.id is null then
        v_since := v_now;
        delete from tributary.member m
        where m.until < v_now - interval '1 day' and not exists (select from tributary.term t where t.holder = m.id);
        insert into tributary.member (id, kind, host, started_at, seen_at, ttl, until, unbroken_since, backend_pid, backend_start)
        values (v_id, lease_beat.kind, lease_beat.host, v_now, v_now, v_ttl, v_now + v_ttl, v_now, pg_backend_pid(), v_backend);
    else
        v_lapsed := v_me.until < v_now;
        v_since := case
            when v_now - v_me.seen_at between interval '0' and v_ttl / 2 and v_me.unbroken_since <= v_now then v_me.unbroken_since
            else v_now end;
    end if;
    update tributary.member m
    set host = lease_beat.host, pid = (details ->> 'pid')::integer, version = details ->> 'version',
        file_hash = details ->> 'file_hash', details = coalesce(lease_beat.details, '{}'), seen_at = v_now, ttl = v_ttl,
        until = v_now + v_ttl, unbroken_since = v_since, beats = m.beats + 1,
        backend_pid = pg_backend_pid(), backend_start = v_backend
    where m.id = v_id;
    if cardinality(release) > 0 then
        update tributary.term t set holder = null, freed_at = v_now
        where t.holder = v_id and t.resource = any (lease_beat.release);
    end if;
    if v_lapsed then
        for v_row in
            update tributary.term t set epoch = t.epoch + 1, taken_at = v_now where t.holder = v_id returning t.resource
        loop
            v_taken := v_taken || v_row.resource;
            v_pids := v_pids || nullif(v_me.backend_pid, pg_backend_pid());
            v_starts := v_starts || v_me.backend_start;
            v_holders := v_holders || v_id;
        end loop;
    end if;
    if cardinality(wanted) > 0 and max_new > 0
       and exists (select from tributary.lease_candidates(v_id, wanted, v_since <= v_now - v_ttl)) then
        lock table tributary.lease_turn in exclusive mode;
        for v_row in
            select c.* from tributary.lease_candidates(v_id, wanted, v_since <= v_now - v_ttl) c
            where not c.resource = any (coalesce(lease_beat.release, '{}'))
            order by c.n
        loop
            exit when max_new <= 0;
            if v_row.holder is not null then
                perform 1 from tributary.member m where m.id = v_row.holder for update skip locked;
                if not found and exists (select from tributary.member m where m.id = v_row.holder) then
                    continue;
                end if;
                perform 1 from tributary.lease l where l.resource = v_row.resource and l.is_held and l.holder = v_row.holder;
                continue when found;
            end if;
            insert into tributary.term as t (resource, holder, epoch, taken_at)
            values (v_row.resource, v_id, 1, v_now)
            on conflict (resource) do update
                set holder = v_id, epoch = t.epoch + 1, taken_at = v_now, freed_at = null
                where t.holder is not distinct from v_row.holder and t.epoch = v_row.epoch;
            if found then
                max_new := max_new - 1;
                v_taken := v_taken || v_row.resource;
                v_pids := v_pids || v_row.backend_pid;
                v_starts := v_starts || v_row.backend_start;
                v_holders := v_holders || v_row.holder;
            end if;
        end loop;
    end if;
    return query
    select t.resource, t.epoch, v_now + v_ttl, p.n is not null, v_pids[p.n], v_starts[p.n], v_holders[p.n]
    from tributary.term t
    left join unnest(v_taken) with ordinality p (resource, n) on p.resource = t.resource
    where t.holder = v_id
    order by t.resource;
end;
$$;
create or replace function tributary.lease_candidates(member uuid, wanted text[], may_adopt boolean,
    out resource text, out n bigint, out holder uuid, out epoch bigint, out backend_pid integer, out backend_start timestamptz)
returns setof record
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select w.resource, w.n, t.holder, t.epoch, m.backend_pid, m.backend_start
    from unnest(wanted) with ordinality w (resource, n)
    left join tributary.term t on t.resource = w.resource
    left join tributary.member m on m.id = t.holder
    where t.holder is null
        or may_adopt and t.holder <> member
            and (m.id is null or m.until < clock_timestamp() or m.until > clock_timestamp() + m.ttl)
$$;
create or replace function tributary.lease_leave(member uuid)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_count integer;
begin
    update tributary.member m set until = clock_timestamp(), unbroken_since = clock_timestamp() where m.id = lease_leave.member;
    update tributary.term t set holder = null, freed_at = clock_timestamp() where t.holder = lease_leave.member;
    get diagnostics v_count = row_count;
    return v_count;
end;
$$;
create or replace function tributary.lease_standings(kind text, resources text[], out members jsonb, out leases jsonb)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select
        (select coalesce(jsonb_agg(jsonb_build_object('id', m.id, 'host', m.host, 'serves', m.details -> 'serves',
                'silent_ms', round(extract(epoch from clock_timestamp() - least(m.until, clock_timestamp() + m.ttl)) * 1000))
                order by m.id), '[]')
            from tributary.member m where m.kind = lease_standings.kind),
        (select coalesce(jsonb_agg(jsonb_build_object('resource', l.resource, 'holder', l.holder) order by l.resource), '[]')
            from tributary.lease l where l.resource = any (resources) and l.is_held)
$$;
create or replace function tributary.end_backend(pid integer, backend_start timestamptz)
returns boolean
language sql
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(bool_or(pg_terminate_backend(a.pid)), false)
    from pg_stat_activity a
    where a.pid = end_backend.pid and a.backend_start = end_backend.backend_start and a.pid <> pg_backend_pid()
$$;
create or replace function tributary.member_hold(member uuid)
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
    select pg_try_advisory_xact_lock_shared(hashtextextended(member::text, 1414678850))
$$;
create or replace function tributary.end_member(member uuid, backend_pid integer, backend_start timestamptz)
returns integer
language sql
set search_path = pg_catalog, pg_temp
as $$
    select tributary.end_backend(backend_pid, backend_start)::integer + coalesce((
        select count(*) filter (where pg_terminate_backend(l.pid))
        from pg_locks l
        where l.locktype = 'advisory' and l.granted and l.objsubid = 1
            and l.database = (select d.oid from pg_database d where d.datname = current_database())
            and l.classid::bigint = (hashtextextended(member::text, 1414678850) >> 32) & 4294967295
            and l.objid::bigint = hashtextextended(member::text, 1414678850) & 4294967295
            and l.pid <> pg_backend_pid()), 0)::integer
$$;
create or replace function tributary.narrowing_end(x_queue text, x_group text, x_ticks bigint[])
returns void as $$
    delete from tributary.narrowing
    where central_queue = x_queue and group_name = x_group and start_tick = x_ticks[1] and end_tick = x_ticks[2];
$$ language sql set search_path = pg_catalog, pg_temp;
create or replace function tributary.narrowing_mark(
    x_queue text, x_group text, x_ticks bigint[], x_slice bigint[], x_events integer)
returns void as $$
    update tributary.narrowing n
    set running_first = x_slice[1], running_last = x_slice[2], running_events = x_events, at = now()
    where n.central_queue = x_queue and n.group_name = x_group and n.start_tick = x_ticks[1] and n.end_tick = x_ticks[2];
$$ language sql set search_path = pg_catalog, pg_temp;
create or replace function tributary.narrowing_open(
    x_queue text, x_group text, x_start bigint, x_end bigint, x_death bigint[] default null, x_is_certain boolean default true,
    out last_event_id bigint, out suspect_first bigint, out suspect_last bigint, out suspect_events integer,
    out deaths integer, out kills integer)
as $$
declare
    n               tributary.narrowing;
    v_has_call      constant boolean := x_death[4] > 0;
    v_is_in_slice   boolean;
begin
    insert into tributary.narrowing (central_queue, group_name, start_tick, end_tick)
    values (x_queue, x_group, x_start, x_end)
    on conflict do nothing;
    select * into n from tributary.narrowing o
    where o.central_queue = x_queue and o.group_name = x_group and o.start_tick = x_start and o.end_tick = x_end
    for update;
    if x_death is not null and x_death[1] is distinct from n.judged then
        v_is_in_slice := n.running_events is not null and (
            not v_has_call
            or x_death[2] >= n.running_first and x_death[3] <= n.running_last and x_death[4] >= n.running_events);
        if v_is_in_slice then
            if (n.suspect_first, n.suspect_last) is distinct from (n.running_first, n.running_last) then
                n.suspect_first := n.running_first;
                n.suspect_last := n.running_last;
                n.deaths := 0;
                n.kills := 0;
            end if;
            n.suspect_events := n.running_events;
            n.deaths := n.deaths + x_is_certain::integer;
            n.kills := n.kills + (not x_is_certain)::integer;
        elsif v_has_call and x_death[3] > coalesce(n.last_event_id, -1) then
            n.suspect_first := x_death[2];
            n.suspect_last := x_death[3];
            n.suspect_events := x_death[4];
            n.deaths := 0;
            n.kills := 0;
        end if;
        n.judged := x_death[1];
    end if;
    update tributary.narrowing o
    set running_first = null, running_last = null, running_events = null,
        suspect_first = n.suspect_first, suspect_last = n.suspect_last, suspect_events = n.suspect_events,
        deaths = n.deaths, kills = n.kills, judged = n.judged, at = now()
    where o.central_queue = x_queue and o.group_name = x_group and o.start_tick = x_start and o.end_tick = x_end;
    last_event_id := n.last_event_id;
    if n.suspect_last > coalesce(n.last_event_id, -1) then
        suspect_first := n.suspect_first;
        suspect_last := n.suspect_last;
        suspect_events := n.suspect_events;
        deaths := n.deaths;
        kills := n.kills;
    end if;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.narrowing_step(
    x_batch bigint, x_queue text, x_group text, x_ticks bigint[], x_last bigint)
returns void as $$
begin
    perform from pgq.subscription where sub_batch = x_batch for share;
    if not found then
        raise exception 'batch % has gone to another worker', x_batch using errcode = 'TB001';
    end if;
    insert into tributary.narrowing as n (central_queue, group_name, start_tick, end_tick, last_event_id)
    values (x_queue, x_group, x_ticks[1], x_ticks[2], x_last)
    on conflict on constraint narrowing_pkey do update
    set last_event_id = excluded.last_event_id, running_events = null, at = now();
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.pause_sources(x_sources integer[], x_reason text)
returns setof integer as $$
begin
    perform 1 from tributary.source s where s.id = any (x_sources) order by s.id for update;
    update tributary.source s set pause_reason = x_reason
    where s.id = any (x_sources) and s.paused_at is not null and x_reason is not null;
    return query
    update tributary.source s set paused_at = now(), pause_reason = x_reason
    where s.id = any (x_sources) and s.paused_at is null and s.state <> 'retired'
    returning s.id;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.resume_sources(x_sources integer[])
returns setof integer as $$
begin
    perform 1 from tributary.source s where s.id = any (x_sources) order by s.id for update;
    return query
    update tributary.source s set paused_at = null, pause_reason = null
    where s.id = any (x_sources) and s.paused_at is not null and s.state <> 'halted'
    returning s.id;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.position_history(x_source integer)
returns table (tick_id bigint, tick_time_us bigint, tick_event_seq bigint, tick_snapshot_md5 text, at timestamptz) as $$
    select p.tick_id, p.tick_time_us, p.tick_event_seq, p.tick_snapshot_md5, p.at
    from tributary.position p where p.source = x_source order by p.n desc
$$ language sql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.put_off(x_queue text, x_group text, x_events json)
returns integer as $$
declare
    e           record;
    v_owner     integer;
    v_dead      integer := 0;
begin
    select s.sub_id into v_owner
    from pgq.subscription s
    join pgq.queue q on q.queue_id = s.sub_queue
    join pgq.consumer c on c.co_id = s.sub_consumer
    where q.queue_name = x_queue and c.co_name = x_group;
    for e in
        select * from json_to_recordset(x_events) as (
            id bigint, "time" timestamptz, retry integer, type text, data text, extra1 text, extra2 text, extra3 text,
            extra4 text, origin text, after_ms float8, attempts integer, error text)
    loop
        if exists (select from pgq.retry_queue r where r.ev_owner = v_owner and r.ev_id = e.id) then
            insert into tributary.dead_event (kind, central_queue, origin, ev_id, ev_time, ev_retry, ev_type, ev_data,
                                              ev_extra1, ev_extra2, ev_extra3, ev_extra4, error, attempts)
            values ('conflict', x_queue, e.origin, e.id, e."time", e.retry, e.type, e.data,
                    e.extra1, e.extra2, e.extra3, e.extra4,
                    coalesce(e.error || ' ', '') || '(Another event with the id ' || e.id || ' waits for its retry.)',
                    greatest(e.attempts, 1));
            v_dead := v_dead + 1;
            continue;
        end if;
        perform pgq.event_retry_raw(x_queue, x_group, clock_timestamp() + e.after_ms * interval '1 millisecond',
                                    e.id, e."time", e.retry, e.type, e.data, e.extra1, e.extra2, e.extra3, e.extra4);
        insert into tributary.attempt as a (central_queue, group_name, ev_id, origin, attempts, last_error, next_at)
        values (x_queue, x_group, e.id, e.origin, e.attempts, e.error,
                clock_timestamp() + e.after_ms * interval '1 millisecond')
        on conflict (central_queue, group_name, ev_id) do update
        set attempts = excluded.attempts, last_error = coalesce(excluded.last_error, a.last_error),
            last_at = now(), next_at = excluded.next_at;
    end loop;
    return v_dead;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.rate_take(
    x_queue text, x_events integer, x_per_second double precision, out granted integer, out wait_ms double precision)
as $$
declare
    v_pace      constant double precision := x_per_second * 0.95;
    v_most      constant double precision := greatest(1, x_per_second * 0.25);
    v_wanted    constant integer := greatest(1, least(x_events, floor(v_most)));
    v_least     constant integer := least(v_wanted, ceil(v_most / 4));
    v_now       timestamptz;
    v_last      record;
    v_seconds   double precision;
begin
    loop
        select g.n, g.used_until into v_last
        from tributary.rate_grant g where g.central_queue = x_queue order by g.n desc limit 1;
        v_now := clock_timestamp();
        v_seconds := case
            when v_last.n is null then v_most / v_pace
            when v_last.used_until > v_now then v_least / v_pace
            else least(extract(epoch from v_now - v_last.used_until), v_most / v_pace) end;
        granted := least(v_wanted, floor(v_seconds * v_pace + 1e-6));
        wait_ms := 0;
        if granted < v_least then
            granted := 0;
            wait_ms := ceil((v_least / v_pace - v_seconds) * 1000);
            return;
        end if;
        insert into tributary.rate_grant (central_queue, n, events, used_until)
        values (x_queue, coalesce(v_last.n, 0) + 1, granted,
            v_now - (v_seconds - granted / v_pace) * interval '1 second')
        on conflict do nothing;
        continue when not found;
        if v_last.n % 64 = 0 then
            delete from tributary.rate_grant g where g.central_queue = x_queue and g.n < v_last.n;
        end if;
        return;
    end loop;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.register_sources(x_shard text, x_sources jsonb)
returns table (id integer, queue text, state text) as $$
#variable_conflict use_column
begin
    lock table tributary.position_table in row exclusive mode;
    lock table tributary.source_turn in exclusive mode;
    delete from tributary.position p
    using tributary.source s, jsonb_to_recordset(x_sources) as r (queue text)
    where s.shard = x_shard and s.queue = r.queue and s.state = 'retired' and p.source = s.id;
    delete from tributary.source s
    using jsonb_to_recordset(x_sources) as r (queue text)
    where s.shard = x_shard and s.queue = r.queue and s.state = 'retired';
    insert into tributary.source as s (shard, queue, central_queue)
    select x_shard, r.queue, r.central_queue
    from jsonb_to_recordset(x_sources) as r (queue text, central_queue text)
    order by r.queue
    on conflict (shard, queue) do update set central_queue = excluded.central_queue
    where s.central_queue <> excluded.central_queue;
    return query
    select s.id, s.queue, s.state
    from tributary.source s
    join jsonb_to_recordset(x_sources) as r (queue text) on r.queue = s.queue
    where s.shard = x_shard
    order by s.queue;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.retried(x_queue text, x_group text, x_ids bigint[])
returns void as $$
    delete from tributary.attempt where central_queue = x_queue and group_name = x_group and ev_id = any (x_ids);
$$ language sql set search_path = pg_catalog, pg_temp;
create or replace function tributary.rotate_positions(x_period interval)
returns boolean as $$
declare
    v_current   integer;
    v_switched  timestamptz;
    v_carried   integer;
begin
    select switched_at into v_switched from tributary.position_table;
    if v_switched > now() - x_period then
        return false;
    end if;
    lock table tributary.position_table in row exclusive mode;
    select current, switched_at into v_current, v_switched from tributary.position_table;
    if v_switched > now() - x_period then
        return false;
    end if;
    execute format($sql$
        insert into tributary.position_%1$s
        select newest.*
        from tributary.source s
        left join lateral (
            select true as is_there from tributary.position_%1$s new where new.source = s.id limit 1) new on true
        cross join lateral (
            select old.* from tributary.position_%2$s old where old.source = s.id order by old.n desc limit 1) newest
        where new.is_there is null
        $sql$, v_current, 1 - v_current);
    get diagnostics v_carried = row_count;
    if v_carried > 0 then
        return false;
    end if;
    begin
        lock table tributary.position_table in share row exclusive mode nowait;
        execute format('lock table tributary.position_%s in access exclusive mode nowait', 1 - v_current);
    exception when lock_not_available then
        return false;
    end;
    execute format('truncate tributary.position_%s', 1 - v_current);
    update tributary.position_table set current = 1 - v_current, switched_at = now();
    return true;
end;
$$ language plpgsql
   set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off;
create or replace function tributary.send(
    x_queue text, x_type text[], x_data text[], x_extra1 text[], x_extra2 text[], x_extra3 text[], x_extra4 text[])
returns bigint as $$
declare
    v_xid   bigint := tributary.begin_events(x_queue);
begin
    perform 1 from pgq.queue where queue_name = x_queue;
    if not found then
        raise exception using errcode = 'undefined_object',
            message = format('Queue %s does not exist on central: run `tributary install`.', x_queue);
    end if;
    perform pgq.insert_event(x_queue, e.type, e.data, e.extra1, e.extra2, e.extra3, e.extra4)
    from (select * from unnest(x_type, x_data, x_extra1, x_extra2, x_extra3, x_extra4)
                        with ordinality u (type, data, extra1, extra2, extra3, extra4, place)
          order by u.place) e;
    return v_xid;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.meet_shard(x_shard text, x_database text)
returns table (known_as text, noted text) as $$
    select case when own.database is distinct from x_database then (
            select min(o.name) from tributary.shard o
            where o.database = x_database and o.name <> x_shard
              and exists (select from tributary.source s where s.shard = o.name and s.state <> 'retired')) end,
        own.database
    from (select 1) one
    left join tributary.shard own on own.name = x_shard
$$ language sql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.note_shard(x_shard text, x_database text)
returns boolean as $$
begin
    insert into tributary.shard as s (name, database, noted_at)
    select x_shard, x_database, now()
    where exists (select from tributary.source o where o.shard = x_shard and o.state <> 'retired')
    on conflict (name) do update set database = excluded.database, noted_at = excluded.noted_at
    where s.database is distinct from excluded.database;
    return found;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.rename_shard(x_old text, x_new text)
returns integer as $$
declare
    v_renamed   integer;
begin
    lock table tributary.position_table in row exclusive mode;
    lock table tributary.source_turn in exclusive mode;
    if not exists (select from tributary.source s where s.shard = x_old and s.state <> 'retired') then
        raise exception using errcode = 'undefined_object', message = format('central knows no shard %s', x_old);
    end if;
    if exists (select from tributary.source s where s.shard = x_new and s.state <> 'retired') then
        raise exception using errcode = 'duplicate_object', message = format('there is a shard %s already', x_new);
    end if;
    delete from tributary.position p using tributary.source s where s.shard = x_new and p.source = s.id;
    delete from tributary.source s where s.shard = x_new;
    delete from tributary.shard s where s.name = x_new;
    update tributary.source s set shard = x_new where s.shard = x_old;
    get diagnostics v_renamed = row_count;
    insert into tributary.shard as n (name, database, noted_at, former_names)
    select x_new, o.database, o.noted_at, coalesce(o.former_names, '{}') || x_old
    from (select 1) one
    left join tributary.shard o on o.name = x_old;
    delete from tributary.shard s where s.name = x_old;
    delete from tributary.term t where t.resource = 'shard:' || x_old and t.holder is null;
    return v_renamed;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.source_states(x_shards text[])
returns table (source integer, state text, halt_reason text, paused boolean, pause_reason text, total bigint) as $$
    select s.id, s.state, s.halt_reason, s.paused_at is not null, s.pause_reason, null::bigint
    from tributary.source s
    where s.shard = any (x_shards) and (s.state in ('registering', 'halted') or s.paused_at is not null)
    union all
    select null, null, null, null, null, count(*)
    from tributary.source s
    where s.shard = any (x_shards) and s.state <> 'retired'
$$ language sql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.sources_of(x_shards text[])
returns table (
    source integer, shard text, queue text, central_queue text, state text, halt_reason text, paused boolean,
    pause_reason text, n bigint, tick_id bigint, tick_time_us bigint, tick_event_seq bigint, tick_snapshot_md5 text,
    end_tick_id bigint, end_tick_time_us bigint, end_tick_event_seq bigint, end_snapshot_md5 text,
    last_event_id bigint, moved bigint) as $$
    select s.id, s.shard, s.queue, s.central_queue, s.state, s.halt_reason, s.paused_at is not null,
        s.pause_reason, p.n, p.tick_id, p.tick_time_us, p.tick_event_seq, p.tick_snapshot_md5,
        p.end_tick_id, p.end_tick_time_us, p.end_tick_event_seq, p.end_snapshot_md5,
        p.last_event_id, p.moved
    from tributary.source s
    left join lateral (
        select * from tributary.position p where p.source = s.id order by p.n desc limit 1) p on true
    where s.shard = any (x_shards) and s.state <> 'retired'
    order by s.shard, s.queue
$$ language sql stable
   set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off;
create or replace function tributary.store_lag(x_mover text, x_figures jsonb)
returns integer as $$
declare
    v_stored    integer;
begin
    insert into tributary.source_lag as l (source, reported_at, at, state, reason, mover, events_behind, exact,
        seconds_behind, last_tick, provider)
    select f.source, now(), now() - make_interval(secs => f.age_s), f.state, f.reason, x_mover, f.events_behind, f.exact,
        f.seconds_behind, f.last_tick, f.provider
    from jsonb_to_recordset(x_figures) as f (source integer, age_s double precision, state text, reason text,
        events_behind bigint, exact boolean, seconds_behind double precision, last_tick bigint, provider text)
    where exists (select from tributary.source s where s.id = f.source)
    order by f.source
    on conflict (source) do update set
        reported_at = excluded.reported_at, state = excluded.state, reason = excluded.reason, mover = excluded.mover,
        at = case when excluded.events_behind is null then l.at else excluded.at end,
        events_behind = coalesce(excluded.events_behind, l.events_behind),
        exact = case when excluded.events_behind is null then l.exact else excluded.exact end,
        seconds_behind = case when excluded.events_behind is null then l.seconds_behind else excluded.seconds_behind end,
        last_tick = coalesce(excluded.last_tick, l.last_tick),
        provider = coalesce(excluded.provider, l.provider);
    get diagnostics v_stored = row_count;
    return v_stored;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.tick(x_queue text, x_xid bigint)
returns boolean as $$
declare
    q           record;
    t           record;
    v_covered   boolean;
begin
    select queue_id, queue_event_seq, queue_data_pfx, queue_external_ticker or queue_ticker_paused as not_ours
    into q from pgq.queue where queue_name = x_queue;
    if not found or q.not_ours then
        return true;
    end if;
    select tick_id, tick_snapshot, tick_event_seq into t
    from pgq.tick where tick_queue = q.queue_id order by tick_id desc limit 1;
    if found then
        if txid_snapshot_xmax(t.tick_snapshot) > txid_snapshot_xmax(txid_current_snapshot()) then
            perform tributary.refuse_younger(x_queue, t.tick_snapshot);
        end if;
        if x_xid is not null then
            v_covered := txid_visible_in_snapshot(x_xid, t.tick_snapshot);
        else
            execute format('select not exists (select from %1$s where ev_txid >= $1)
                               and not exists (select from %1$s where ev_txid = any ($2))', q.queue_data_pfx)
            into v_covered using txid_snapshot_xmax(t.tick_snapshot), array(select txid_snapshot_xip(t.tick_snapshot));
        end if;
        if v_covered then
            return true;
        end if;
    end if;
    perform from pgq.queue k where k.queue_id = q.queue_id for no key update skip locked;
    if not found then
        return false;
    end if;
    select tick_event_seq into t from pgq.tick where tick_queue = q.queue_id order by tick_id desc limit 1;
    if found and pgq.seq_getval(q.queue_event_seq) <= t.tick_event_seq then
        perform nextval(q.queue_event_seq);
    end if;
    if pgq.ticker(x_queue) is null then
        return false;
    end if;
    perform pg_notify('tributary_tick', x_queue);
    return true;
end;
$$ language plpgsql
   set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off
   set max_parallel_workers_per_gather = 0;
create or replace function tributary.tick_after_commit(x_queue text, x_xid bigint)
returns boolean as $$
begin
    perform from pgq.tick t join pgq.queue q on q.queue_id = t.tick_queue
    where q.queue_name = x_queue and t.tick_time > clock_timestamp() - interval '20 ms'
      and t.tick_id = (select max(n.tick_id) from pgq.tick n where n.tick_queue = q.queue_id);
    if found then
        return false;
    end if;
    return tributary.tick(x_queue, x_xid);
exception when others then
    return false;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.worker_pool_set(queue text, n integer, by text)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    update tributary.worker_pool set wanted = n, set_by = coalesce(by, ''), set_at = now() where central_queue = queue;
    if not found then
        raise exception using errcode = 'undefined_object', message = format(
            'Queue %s has no workers: give it `workers:` in the file and run `tributary install`.', coalesce(queue, 'NULL'));
    end if;
    perform pg_notify('tributary_workers', queue);
    return n;
end;
$$;
create or replace function tributary.worker_pool_reset(queue text)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_wanted    integer;
begin
    update tributary.worker_pool set wanted = file_wanted, set_by = null, set_at = now() where central_queue = queue
    returning wanted into v_wanted;
    if not found then
        raise exception using errcode = 'undefined_object', message = format(
            'Queue %s has no workers: give it `workers:` in the file and run `tributary install`.', coalesce(queue, 'NULL'));
    end if;
    perform pg_notify('tributary_workers', queue);
    return v_wanted;
end;
$$;
create or replace function tributary.worker_pool_sync(queue text, file_wanted integer)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if worker_pool_sync.file_wanted is null then
        delete from tributary.worker_pool where central_queue = queue;
    else
        insert into tributary.worker_pool as p (central_queue, wanted, file_wanted)
        values (queue, worker_pool_sync.file_wanted, worker_pool_sync.file_wanted)
        on conflict (central_queue) do update
            set wanted = excluded.file_wanted, file_wanted = excluded.file_wanted, set_by = null, set_at = now()
            where p.file_wanted <> excluded.file_wanted;
    end if;
    if found then
        perform pg_notify('tributary_workers', queue);
    end if;
    return (select p.wanted from tributary.worker_pool p where p.central_queue = queue);
end;
$$;
create or replace function tributary.worker_pool_renew(queue text)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_generation    integer;
begin
    update tributary.worker_pool set generation = generation + 1 where central_queue = queue
    returning generation into v_generation;
    perform pg_notify('tributary_workers', queue);
    return v_generation;
end;
$$;
create schema if not exists pgq_coop;
grant usage on schema pgq_coop to public;
create or replace function pgq_coop.register_subconsumer(i_queue_name text, i_consumer_name text, i_subconsumer_name text)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform tributary.coop_register_group(i_queue_name, i_consumer_name);
    return tributary.coop_register(i_queue_name, i_consumer_name, i_subconsumer_name);
end;
$$;
create or replace function pgq_coop.unregister_subconsumer(
    i_queue_name text, i_consumer_name text, i_subconsumer_name text, i_batch_handling integer)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform 1
    from pgq.queue q
    join pgq.subscription s on s.sub_queue = q.queue_id
    join pgq.consumer c on c.co_id = s.sub_consumer
    where q.queue_name = i_queue_name and c.co_name = i_consumer_name;
    if not found then
        return 0;
    end if;
    perform 1
    from pgq.queue q
    join pgq.subscription s on s.sub_queue = q.queue_id
    join pgq.consumer c on c.co_id = s.sub_consumer
    where q.queue_name = i_queue_name and c.co_name = tributary.coop_member_name(i_consumer_name, i_subconsumer_name)
        and s.sub_batch is not null and s.sub_active > to_timestamp(0) and i_batch_handling is distinct from 1;
    if found then
        raise exception 'subconsumer has active batch';
    end if;
    return tributary.coop_unregister(i_queue_name, i_consumer_name, i_subconsumer_name);
end;
$$;
revoke all on function pgq_coop.register_subconsumer(text, text, text) from public;
revoke all on function pgq_coop.unregister_subconsumer(text, text, text, integer) from public;
do $$
begin
    if to_regrole('pgq_reader') is not null then
        grant execute on function pgq_coop.register_subconsumer(text, text, text) to pgq_reader;
        grant execute on function pgq_coop.unregister_subconsumer(text, text, text, integer) to pgq_reader;
    end if;
end;
$$;
create or replace function pgq_coop.next_batch_custom(
    i_queue_name text, i_consumer_name text, i_subconsumer_name text,
    i_min_lag interval, i_min_count integer, i_min_interval interval, i_dead_interval interval)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform tributary.coop_register_group(i_queue_name, i_consumer_name);
    return (select b.batch_id from tributary.coop_next_batch(
        i_queue_name, i_consumer_name, i_subconsumer_name, i_dead_interval, i_min_lag, i_min_count, i_min_interval) b);
end;
$$;
create or replace function pgq_coop.next_batch_custom(
    i_queue_name text, i_consumer_name text, i_subconsumer_name text,
    i_min_lag interval, i_min_count integer, i_min_interval interval)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return pgq_coop.next_batch_custom(i_queue_name, i_consumer_name, i_subconsumer_name, i_min_lag, i_min_count, i_min_interval, null);
end;
$$;
create or replace function pgq_coop.next_batch(
    i_queue_name text, i_consumer_name text, i_subconsumer_name text, i_dead_interval interval)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return pgq_coop.next_batch_custom(i_queue_name, i_consumer_name, i_subconsumer_name, null, null, null, i_dead_interval);
end;
$$;
create or replace function pgq_coop.next_batch(i_queue_name text, i_consumer_name text, i_subconsumer_name text)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return pgq_coop.next_batch_custom(i_queue_name, i_consumer_name, i_subconsumer_name, null, null, null, null);
end;
$$;
create or replace function pgq_coop.finish_batch(i_batch_id bigint)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if coalesce(i_batch_id, 0) < 1000000000000000 then
        perform 1 from pgq.subscription where sub_batch = i_batch_id;
        if not found then
            raise warning 'coop_finish_batch: batch % not found', i_batch_id;
            return 0;
        end if;
    end if;
    return tributary.coop_finish_batch(i_batch_id);
end;
$$;
create or replace function pgq_coop.version()
returns text
language sql immutable
as $$
    select '3.4-tributary'
$$;
revoke all on function pgq_coop.next_batch_custom(text, text, text, interval, integer, interval, interval) from public;
revoke all on function pgq_coop.next_batch_custom(text, text, text, interval, integer, interval) from public;
revoke all on function pgq_coop.next_batch(text, text, text, interval) from public;
revoke all on function pgq_coop.next_batch(text, text, text) from public;
revoke all on function pgq_coop.finish_batch(bigint) from public;
revoke all on function pgq_coop.version() from public;
do $$
begin
    if to_regrole('pgq_reader') is not null then
        grant execute on function pgq_coop.next_batch_custom(text, text, text, interval, integer, interval, interval) to pgq_reader;
        grant execute on function pgq_coop.next_batch_custom(text, text, text, interval, integer, interval) to pgq_reader;
        grant execute on function pgq_coop.next_batch(text, text, text, interval) to pgq_reader;
        grant execute on function pgq_coop.next_batch(text, text, text) to pgq_reader;
        grant execute on function pgq_coop.finish_batch(bigint) to pgq_reader;
        grant execute on function pgq_coop.version() to pgq_reader;
    end if;
end;
$$;
comment on schema tributary is 'tributary files of schema version 21';

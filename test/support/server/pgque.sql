-- A PgQ with the types of columns and the signatures of PgQue: what a shard needs, and no more. It has none of the bundled
-- engine's guards: its ticker takes any snapshot, and its writers ask which table is current before they have an id.
-- :schema is its schema, :admin the role that administers it.
do $$
begin
    create role :admin;
exception when duplicate_object or unique_violation then
    null;
end
$$;
create schema :schema;

create table :schema.queue (
    queue_id                    serial primary key,
    queue_name                  text not null unique check (octet_length(queue_name) <= 57),
    queue_ntables               integer not null default 3,
    queue_cur_table             integer not null default 0,
    queue_rotation_period       interval not null default '2 hours',
    queue_switch_step1          bigint not null default pg_current_xact_id()::text::bigint,
    queue_switch_step2          bigint default pg_current_xact_id()::text::bigint,
    queue_switch_time           timestamptz not null default now(),
    queue_external_ticker       boolean not null default false,
    queue_disable_insert        boolean not null default false,
    queue_ticker_paused         boolean not null default false,
    queue_ticker_max_count      integer not null default 500,
    queue_ticker_max_lag        interval not null default '3 seconds',
    queue_ticker_idle_period    interval not null default '1 minute',
    queue_data_pfx              text not null,
    queue_event_seq             text not null,
    queue_tick_seq              text not null,
    queue_extra_maint           text[]
);
create table :schema.consumer (co_id serial primary key, co_name text not null unique);
create table :schema.tick (
    tick_queue      integer not null references :schema.queue,
    tick_id         bigint not null,
    tick_time       timestamptz not null default now(),
    tick_snapshot   pg_snapshot not null default pg_current_snapshot(),
    tick_event_seq  bigint not null,
    primary key (tick_queue, tick_id)
);
create table :schema.subscription (
    sub_id          serial not null,
    sub_queue       integer not null references :schema.queue,
    sub_consumer    integer not null references :schema.consumer,
    sub_last_tick   bigint,
    sub_active      timestamptz not null default now(),
    sub_batch       bigint unique,
    sub_next_tick   bigint,
    primary key (sub_queue, sub_consumer)
);
create table :schema.event_template (
    ev_id           bigint not null,
    ev_time         timestamptz not null,
    ev_txid         xid8 not null default pg_current_xact_id(),
    ev_owner        integer,
    ev_retry        integer,
    ev_type         text,
    ev_data         text,
    ev_extra1       text,
    ev_extra2       text,
    ev_extra3       text,
    ev_extra4       text
);
create table :schema.retry_queue (
    ev_retry_after  timestamptz not null,
    ev_queue        integer not null references :schema.queue,
    like :schema.event_template,
    primary key (ev_owner, ev_id)
);

create function :schema.version() returns text language sql as $$ select '0.2.0' $$;

create function :schema.create_queue(i_queue_name text) returns integer
language plpgsql security definer as $$
declare
    v_id    integer := nextval(':schema.queue_queue_id_seq');
    v_table text := ':schema.event_' || v_id;
begin
    if exists (select from :schema.queue where queue_name = i_queue_name) then
        return 0;
    end if;
    insert into :schema.queue (queue_id, queue_name, queue_data_pfx, queue_event_seq, queue_tick_seq)
    values (v_id, i_queue_name, v_table, v_table || '_id_seq', v_table || '_tick_seq');
    execute format('create sequence %1$s_id_seq; create sequence %1$s_tick_seq;
        create table %1$s () inherits (:schema.event_template);
        grant usage on %1$s_id_seq to :admin; grant all on %1$s to :admin', v_table);
    for n in 0 .. 2 loop
        execute format('create table %1$s_%2$s () inherits (%1$s);
            create index on %1$s_%2$s (ev_txid);
            alter table %1$s_%2$s alter ev_id set default nextval(''%1$s_id_seq''); grant all on %1$s_%2$s to :admin', v_table, n);
    end loop;
    perform :schema.ticker(i_queue_name);
    return 1;
end
$$;

create function :schema.set_queue_config(x_queue_name text, x_param_name text, x_param_value text) returns integer
language plpgsql security definer as $$
begin
    execute format('update :schema.queue set %I = %L where queue_name = %L', 'queue_' || x_param_name, x_param_value, x_queue_name);
    return 1;
end
$$;

create function :schema.get_queue_info() returns setof :schema.queue language sql as $$ select * from :schema.queue $$;

create function :schema.current_event_table(x_queue_name text) returns text
language sql as $$ select queue_data_pfx || '_' || queue_cur_table from :schema.queue where queue_name = x_queue_name $$;

create function :schema.insert_event_raw(
    queue_name text, ev_id bigint, ev_time timestamptz, ev_owner integer, ev_retry integer,
    ev_type text, ev_data text, ev_extra1 text, ev_extra2 text, ev_extra3 text, ev_extra4 text) returns bigint
language plpgsql as $$
declare
    v_table text := :schema.current_event_table(queue_name);
    v_next  bigint;
begin
    if v_table is null then
        raise exception 'queue not found: %', queue_name;
    end if;
    select nextval(q.queue_event_seq::regclass) into v_next from :schema.queue q where q.queue_name = $1;
    execute 'insert into ' || v_table || ' (ev_id, ev_time, ev_owner, ev_retry, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3,
        ev_extra4) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)'
    using coalesce(ev_id, v_next), ev_time, ev_owner, ev_retry, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4;
    return coalesce(ev_id, v_next);
end
$$;

create function :schema.insert_event(
    queue_name text, ev_type text, ev_data text, ev_extra1 text, ev_extra2 text, ev_extra3 text, ev_extra4 text) returns bigint
language sql security definer as $$ select :schema.insert_event_raw($1, null, now(), null, null, $2, $3, $4, $5, $6, $7) $$;

create function :schema.insert_event(queue_name text, ev_type text, ev_data text) returns bigint
language sql security definer as $$ select :schema.insert_event_raw($1, null, now(), null, null, $2, $3, null, null, null, null) $$;

create function :schema.ticker(i_queue_name text) returns bigint
language plpgsql security definer as $$
declare
    q       record;
    v_last  record;
    v_seq   bigint;
    v_tick  bigint;
begin
    select * into q from :schema.queue where queue_name = i_queue_name;
    if not found or q.queue_external_ticker or q.queue_ticker_paused then
        raise exception 'no such queue, or not ours to tick: %', i_queue_name;
    end if;
    v_seq := coalesce(pg_sequence_last_value(q.queue_event_seq::regclass), 0);
    select * into v_last from :schema.tick where tick_queue = q.queue_id order by tick_id desc limit 1;
    if found and pg_snapshot_xmin(v_last.tick_snapshot) > pg_current_xact_id() then
        raise exception 'invalid state: the last tick is younger than this server';
    end if;
    if found and (case when v_seq > v_last.tick_event_seq
            then v_seq - v_last.tick_event_seq < q.queue_ticker_max_count and now() - v_last.tick_time < q.queue_ticker_max_lag
            else now() - v_last.tick_time < q.queue_ticker_idle_period end) then
        return null;
    end if;
    insert into :schema.tick (tick_queue, tick_id, tick_event_seq)
    values (q.queue_id, nextval(q.queue_tick_seq::regclass), v_seq)
    returning tick_id into v_tick;
    perform pg_notify('pgque_' || i_queue_name, v_tick::text);
    return v_tick;
end
$$;

create function :schema.force_tick(i_queue_name text) returns bigint
language sql security definer as $$
    select setval(queue_event_seq::regclass, nextval(queue_event_seq::regclass) + queue_ticker_max_count * 2 + 1000)
    from :schema.queue where queue_name = i_queue_name;
    select max(t.tick_id) from :schema.tick t join :schema.queue on queue_id = t.tick_queue where queue_name = i_queue_name
$$;

create function :schema.register_consumer_at(x_queue_name text, x_consumer_name text, x_tick_pos bigint) returns integer
language plpgsql security definer as $$
declare
    v_queue     integer := (select queue_id from :schema.queue where queue_name = x_queue_name);
    v_consumer  integer;
    v_tick      bigint;
begin
    insert into :schema.consumer (co_name) values (x_consumer_name) on conflict do nothing;
    select co_id into v_consumer from :schema.consumer where co_name = x_consumer_name;
    select tick_id into v_tick from :schema.tick
    where tick_queue = v_queue and tick_id = coalesce(x_tick_pos, tick_id) order by tick_id desc limit 1;
    if not found then
        raise exception 'cannot reposition, tick not found: %', x_tick_pos;
    end if;
    update :schema.subscription set sub_last_tick = coalesce(x_tick_pos, sub_last_tick), sub_batch = null, sub_next_tick = null
    where sub_queue = v_queue and sub_consumer = v_consumer;
    if found then
        return 0;
    end if;
    insert into :schema.subscription (sub_queue, sub_consumer, sub_last_tick) values (v_queue, v_consumer, v_tick);
    return 1;
end
$$;

create function :schema.register_consumer(x_queue_name text, x_consumer_id text) returns integer
language sql security definer as $$ select :schema.register_consumer_at($1, $2, null) $$;

create function :schema.unregister_consumer(x_queue_name text, x_consumer_name text) returns integer
language sql security definer as $$
    delete from :schema.subscription using :schema.queue, :schema.consumer
    where sub_queue = queue_id and sub_consumer = co_id and queue_name = x_queue_name and co_name = x_consumer_name;
    select 1
$$;

create function :schema.maint_retry_events() returns integer
language plpgsql as $$
declare
    r       record;
    v_count integer := 0;
begin
    for r in
        delete from :schema.retry_queue using :schema.queue where queue_id = ev_queue and ev_retry_after <= now() returning *
    loop
        perform :schema.insert_event_raw(r.queue_name, r.ev_id, r.ev_time, r.ev_owner, r.ev_retry, r.ev_type, r.ev_data,
            r.ev_extra1, r.ev_extra2, r.ev_extra3, r.ev_extra4);
        v_count := v_count + 1;
    end loop;
    return v_count;
end
$$;

create function :schema.maint_rotate_tables_step1(i_queue_name text) returns integer
language plpgsql as $$
declare
    q       record;
    v_xmin  xid8;
begin
    select * into q from :schema.queue
    where queue_name = i_queue_name and queue_switch_step2 is not null and queue_switch_time + queue_rotation_period < now()
    for update;
    if not found then
        return 0;
    end if;
    select pg_snapshot_xmin(tick_snapshot) into v_xmin from :schema.tick
    where tick_queue = q.queue_id
      and tick_id = (select min(sub_last_tick) from :schema.subscription where sub_queue = q.queue_id);
    if v_xmin::text::bigint <= q.queue_switch_step2 then
        return 0;
    end if;
    execute 'truncate ' || q.queue_data_pfx || '_' || (q.queue_cur_table + 1) % q.queue_ntables;
    update :schema.queue
    set queue_cur_table = (queue_cur_table + 1) % queue_ntables, queue_switch_time = now(),
        queue_switch_step1 = pg_current_xact_id()::text::bigint, queue_switch_step2 = null
    where queue_id = q.queue_id;
    delete from :schema.tick
    where tick_queue = q.queue_id and pg_snapshot_xmin(tick_snapshot)::text::bigint < q.queue_switch_step2;
    return 0;
end
$$;

create function :schema.maint_rotate_tables_step2() returns integer
language sql as $$
    update :schema.queue set queue_switch_step2 = pg_current_xact_id()::text::bigint where queue_switch_step2 is null;
    select 0
$$;

revoke execute on all functions in schema :schema from public;
grant usage on schema :schema to public;
grant select on all tables in schema :schema to public;
grant all on all tables in schema :schema to :admin;
grant all on all sequences in schema :schema to :admin;
grant execute on all functions in schema :schema to :admin;

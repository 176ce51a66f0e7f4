-- ----------------------------------------------------------------------
-- Function: tributary.lane_hold(4)
--
--      Begins a batch of a lane where keys of it are paused: those that are due go with the batch, in front of what it has of them;
--      events of the others leave it and wait behind the one that failed. They are as if they had been put off without a try: what becomes
--      of them later is noted one by one, for `trace`.
--
-- Parameters:
--      x_queue     - id of the queue
--      x_sub       - sub_id of the group
--      x_lane      - lane
--      x_batch     - token of the batch, which is open
--
-- Returns:
--      nothing
--
-- Writes:
--      tributary.paused_key, tributary.lane_waiting
--
-- Called by:
--      tributary.coop_next_batch
-- ----------------------------------------------------------------------
create or replace function tributary.lane_hold(x_queue integer, x_sub integer, x_lane integer, x_batch bigint)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off set max_parallel_workers_per_gather = 0
as $$
declare
    v_buckets   integer[];
    v_key       text;
    v_paused    text[];
begin
    select l.buckets, s.key into v_buckets, v_key
    from tributary.lane l join tributary.lane_set s on s.queue_id = l.queue_id and s.sub_id = l.sub_id
    where l.queue_id = x_queue and l.sub_id = x_sub and l.lane = x_lane;
    update tributary.paused_key k set batch = x_batch
    where k.queue_id = x_queue and k.sub_id = x_sub and k.bucket = any (v_buckets)
        and k.batch is null and k.next_at <= clock_timestamp();
    select array_agg(k.hash) into v_paused
    from tributary.paused_key k
    where k.queue_id = x_queue and k.sub_id = x_sub and k.bucket = any (v_buckets) and k.batch is null;
    if v_paused is null then
        return;
    end if;
    execute format($sql$
        insert into tributary.lane_waiting (queue_id, sub_id, hash, ev_id, ev_time, ev_retry, ev_type, ev_data,
                                            ev_extra1, ev_extra2, ev_extra3, ev_extra4)
        select $1, $2, h.hash, e.ev_id, e.ev_time, coalesce(e.ev_retry, 0), e.ev_type, e.ev_data, e.ev_extra1, e.ev_extra2, e.ev_extra3, e.ev_extra4
        from (%s) e, lateral (select md5(%s) as hash) h
        where h.hash = any ($3)
        order by e.ev_id
        $sql$, tributary.lane_batch_sql(x_batch, 'true'), tributary.key_sql(v_key))
    using x_queue, x_sub, v_paused;
end;
$$;

revoke all on function tributary.lane_hold(integer, integer, integer, bigint) from public;

-- ----------------------------------------------------------------------
-- Function: tributary.key_sql(1)
--
--      The key of an event as text, in SQL.
--
-- Parameters:
--      x_key       - SQL expression of the file
--
-- Returns:
--      SQL
--
-- Writes:
--      none
--
-- Called by:
--      tributary.lane_hold, tributary.lane_put_off
-- ----------------------------------------------------------------------
create or replace function tributary.key_sql(x_key text)
returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select format(E'(%s\n)::text', x_key)
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.lane_put_off(5)
--
--      Pauses the key of an event that failed: it and all events of the batch with the same key that are not settled wait, in their order.
--
-- Parameters:
--      x_batch     - token
--      x_last      - up to this one the events of the batch are settled; null: all of them are
--      x_event     - the event as tributary.put_off gets it
--      x_next      - when it is tried again
--      x_error     - how it failed
--
-- Returns:
--      false where it has no key, or its lanes do not pause, so that nothing was done
--
-- Writes:
--      tributary.paused_key, tributary.lane_waiting
--
-- Called by:
--      tributary.put_off
-- ----------------------------------------------------------------------
create or replace function tributary.lane_put_off(
    x_batch bigint, x_last bigint, x_event json, x_next timestamptz, x_error text)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off set max_parallel_workers_per_gather = 0
as $$
declare
    v_set   tributary.lane_set;
    v_id    bigint := (x_event ->> 'id')::bigint;
    v_key   text;
    v_hash  text;
begin
    select s.* into v_set
    from pgq.subscription b
    join tributary.lane_set s on s.queue_id = b.sub_queue and s.sub_id = b.sub_id
    where b.sub_batch = x_batch and s.pauses and s.lanes > 0;
    if not found then
        return false;
    end if;
    execute format($sql$
        select %s from (select $1 ->> 'type', $1 ->> 'data', $1 ->> 'extra1', $1 ->> 'extra2', $1 ->> 'extra3', $1 ->> 'extra4',
                               ($1 ->> 'time')::timestamptz, ($1 ->> 'id')::bigint)
            e (ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4, ev_time, ev_id)
        $sql$, tributary.key_sql(v_set.key))
    into v_key using x_event;
    if v_key is null then
        return false;
    end if;
    v_hash := md5(v_key);
    -- Those in front of it are done. From here on the key is not of the batch: nothing of it is done when the batch is.
    delete from tributary.lane_waiting w using tributary.paused_key k
    where k.queue_id = v_set.queue_id and k.sub_id = v_set.sub_id and k.hash = v_hash and k.batch = x_batch
        and w.queue_id = k.queue_id and w.sub_id = k.sub_id and w.hash = k.hash
        and w.ev_id <> v_id and (x_last is null or w.ev_id <= x_last);
    insert into tributary.paused_key as k (queue_id, sub_id, hash, key, bucket, ev_id, next_at, attempts, last_error)
    values (v_set.queue_id, v_set.sub_id, v_hash, left(v_key, 200), tributary.bucket_of(v_key, 0), v_id, x_next,
            (x_event ->> 'attempts')::integer, x_error)
    on conflict on constraint paused_key_pkey do update
    set ev_id = excluded.ev_id, next_at = excluded.next_at, attempts = excluded.attempts,
        last_error = coalesce(excluded.last_error, k.last_error), batch = null,
        since = case when k.ev_id = excluded.ev_id then k.since else now() end;
    update tributary.lane_waiting w set ev_retry = (x_event ->> 'retry')::integer
    where w.queue_id = v_set.queue_id and w.sub_id = v_set.sub_id and w.ev_id = v_id and w.hash = v_hash;
    if not found then
        insert into tributary.lane_waiting (queue_id, sub_id, hash, ev_id, ev_time, ev_retry, ev_type, ev_data,
                                            ev_extra1, ev_extra2, ev_extra3, ev_extra4)
        values (v_set.queue_id, v_set.sub_id, v_hash, v_id, (x_event ->> 'time')::timestamptz, (x_event ->> 'retry')::integer,
                x_event ->> 'type', x_event ->> 'data', x_event ->> 'extra1', x_event ->> 'extra2', x_event ->> 'extra3',
                x_event ->> 'extra4');
    end if;
    if x_last is not null then
        execute format($sql$
            insert into tributary.lane_waiting (queue_id, sub_id, hash, ev_id, ev_time, ev_retry, ev_type, ev_data,
                                                ev_extra1, ev_extra2, ev_extra3, ev_extra4)
            select $1, $2, $3, e.ev_id, e.ev_time, coalesce(e.ev_retry, 0), e.ev_type, e.ev_data, e.ev_extra1, e.ev_extra2, e.ev_extra3, e.ev_extra4
            from (%s) e where %s = $4
            order by e.ev_id
            $sql$, tributary.lane_batch_sql(x_batch, 'ev_id > ' || x_last), tributary.key_sql(v_set.key))
        using v_set.queue_id, v_set.sub_id, v_hash, v_key;
    end if;
    return true;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.lane_done(2)
--
--      Forgets events of paused keys that are done, in the transaction of their effects. A key of which nothing waits is not paused.
--
-- Parameters:
--      x_batch     - token
--      x_last      - up to this event; null: the batch ends
--
-- Returns:
--      nothing
--
-- Writes:
--      tributary.lane_waiting, tributary.paused_key
--
-- Called by:
--      tributary.coop_finish_batch, tributary.narrowing_step
-- ----------------------------------------------------------------------
create or replace function tributary.lane_done(x_batch bigint, x_last bigint)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from tributary.lane_waiting w using tributary.paused_key k
    where k.batch = x_batch and w.queue_id = k.queue_id and w.sub_id = k.sub_id and w.hash = k.hash
        and (x_last is null or w.ev_id <= x_last);
    delete from tributary.paused_key k where x_last is null and k.batch = x_batch;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.lane_due(0)
--
--      Wakes the workers of queues where a paused key is due, for no tick does. To be called every second or so.
--
-- Parameters:
--      none
--
-- Returns:
--      how many queues
--
-- Writes:
--      none
--
-- Called by:
--      src/upkeep/central-upkeep.ts
-- ----------------------------------------------------------------------
create or replace function tributary.lane_due()
returns bigint
language sql
set search_path = pg_catalog, pg_temp
as $$
    select count(pg_notify('tributary_tick', d.queue_name))
    from (select distinct q.queue_name
          from tributary.paused_key k join pgq.queue q on q.queue_id = k.queue_id
          where k.batch is null and k.next_at <= clock_timestamp()) d
$$;

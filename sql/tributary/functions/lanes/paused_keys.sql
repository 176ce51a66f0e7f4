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
--      tributary.lane_hold, tributary.lane_share, tributary.lane_put_off, tributary.lane_sql
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
        and w.ev_id <> v_id and (x_last is null or w.ev_id <= x_last) and (k.upto is null or w.ev_id <= k.upto);
    insert into tributary.paused_key as k (queue_id, sub_id, hash, key, bucket, ev_id, next_at, attempts, last_error)
    values (v_set.queue_id, v_set.sub_id, v_hash, left(v_key, 200), tributary.bucket_of(v_key, 0), v_id, x_next,
            (x_event ->> 'attempts')::integer, x_error)
    on conflict on constraint paused_key_pkey do update
    set ev_id = excluded.ev_id, next_at = excluded.next_at, attempts = excluded.attempts,
        last_error = coalesce(excluded.last_error, k.last_error), batch = null, upto = null, waits_for = 'retry',
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
                                                ev_extra1, ev_extra2, ev_extra3, ev_extra4, counts_from)
            select $1, $2, $3, e.ev_id, e.ev_time, coalesce(e.ev_retry, 0), e.ev_type, e.ev_data, e.ev_extra1, e.ev_extra2, e.ev_extra3, e.ev_extra4,
                case when e.ev_retry is not null then clock_timestamp() when $5 is not null then tributary.due_of($5, e.ev_txid, e.ev_id) end
            from (%s) e where %s = $4
            order by e.ev_id
            $sql$, tributary.lane_batch_sql(x_batch, 'ev_id > ' || x_last), tributary.key_sql(v_set.key))
        using v_set.queue_id, v_set.sub_id, v_hash, v_key, tributary.delayed_into(v_set.queue_id);
    end if;
    return true;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.lane_done(2)
--
--      Forgets events of paused keys that are done, in the transaction of their effects. A key of which nothing waits is not paused; one
--      of which the batch had only some has its turn with the next one.
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
        and w.ev_id >= tributary.waits_from(k) and (k.upto is null or w.ev_id <= k.upto)
        and (x_last is null or w.ev_id <= x_last);
    if x_last is not null then
        return;
    end if;
    update tributary.paused_key k
    set batch = null, upto = null, ev_id = f.ev_id, attempts = 0, last_error = null, since = now(),
        waits_for = case when k.waits_for = 'rate' then 'rate' else 'turn' end
    from tributary.paused_key o
    cross join lateral (
        select w.ev_id from tributary.lane_waiting w
        where w.queue_id = o.queue_id and w.sub_id = o.sub_id and w.hash = o.hash and w.ev_id >= tributary.waits_from(o)
        order by w.ev_id limit 1) f
    where o.batch = x_batch and o.upto is not null
        and k.queue_id = o.queue_id and k.sub_id = o.sub_id and k.hash = o.hash;
    delete from tributary.paused_key k where k.batch = x_batch;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.waits_from(1)
--
--      No event of a key that waits has a lower id: so that a search does not pass over all that were done lately.
--
-- Parameters:
--      x_key       - row of the key
--
-- Returns:
--      id of an event; 0: not known
--
-- Writes:
--      none
--
-- Called by:
--      tributary.lane_done, tributary.lane_share, tributary.lane_sql
-- ----------------------------------------------------------------------
create or replace function tributary.waits_from(x_key tributary.paused_key)
returns bigint
language sql immutable
as $$
    select case when x_key.waits_for = 'retry' then 0 else x_key.ev_id end
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

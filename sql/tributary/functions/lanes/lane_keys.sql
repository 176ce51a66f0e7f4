-- ----------------------------------------------------------------------
-- Function: tributary.lane_keys(2)
--
--      The keys of an installation's groups that wait for an event that failed, the one that has been for longest first.
--
-- Parameters:
--      x_group     - the installation's group without a name
--      x_limit     - most of them
--
-- Returns:
--      a row per key
--      queue, part - central queue, and name of its group, null: the one without a name
--      key         - its beginning
--      since       - when the event in front failed first
--      ev_id, attempts, last_error, next_at    - that event, and when it is tried again
--      is_tried    - it is being tried now
--      waiting     - events that wait, that one included; up to 10 000 are counted
--
-- Writes:
--      none
--
-- Called by:
--      src/central/logbook/paused-keys.ts
-- ----------------------------------------------------------------------
create or replace function tributary.lane_keys(x_group text, x_limit integer)
returns table (
    queue text, part text, key text, since timestamptz, ev_id bigint, attempts integer, last_error text, next_at timestamptz,
    is_tried boolean, waiting bigint)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select g.queue, g.part, k.key, k.since, k.ev_id, k.attempts, k.last_error, k.next_at, k.batch is not null,
        (select count(*) from (
            select from tributary.lane_waiting w
            where w.queue_id = k.queue_id and w.sub_id = k.sub_id and w.hash = k.hash limit 10000) w)
    from tributary.paused_key k
    join pgq.queue q on q.queue_id = k.queue_id
    join tributary.groups_of(x_group) g on g.queue = q.queue_name
    join pgq.consumer c on c.co_name = x_group || coalesce('/' || g.part, '')
    join pgq.subscription m on m.sub_queue = k.queue_id and m.sub_consumer = c.co_id and m.sub_id = k.sub_id
    where k.waits_for = 'retry'
    order by k.since, g.queue, k.key
    limit x_limit
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.lane_skip(4)
--
--      Gives up the event in front of a paused key, which becomes a dead event, or lets it be tried at once; what is behind it goes on.
--
-- Parameters:
--      x_queue     - central queue
--      x_group     - group, as a consumer
--      x_key       - key
--      x_is_dead   - give it up; false: try it now
--
-- Returns:
--      how many events were behind it, counted up to 10 000; null: no such key is paused; -1: it is being tried now
--
-- Writes:
--      tributary.paused_key, tributary.lane_waiting, tributary.dead_event, tributary.attempt
--
-- Called by:
--      src/central/logbook/paused-keys.ts
-- ----------------------------------------------------------------------
create or replace function tributary.lane_skip(x_queue text, x_group text, x_key text, x_is_dead boolean)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_main  pgq.subscription := tributary.coop_group(x_queue, x_group);
    k       tributary.paused_key;
begin
    -- A batch that takes the key waits for us, and finds it due then.
    select * into k from tributary.paused_key o
    where o.queue_id = v_main.sub_queue and o.sub_id = v_main.sub_id and o.hash = md5(x_key) and o.waits_for = 'retry' for update;
    if not found then
        return null;
    end if;
    if k.batch is not null then
        return -1;
    end if;
    if x_is_dead then
        with given as (
            delete from tributary.lane_waiting w
            where w.queue_id = k.queue_id and w.sub_id = k.sub_id and w.hash = k.hash and w.ev_id = k.ev_id
            returning w.*
        ), forgotten as (
            delete from tributary.attempt a using given g
            where a.central_queue = x_queue and a.group_name = x_group and a.ev_id = g.ev_id
            returning a.origin, a.first_at
        )
        insert into tributary.dead_event (kind, central_queue, origin, ev_id, ev_time, ev_retry, ev_type, ev_data,
                                          ev_extra1, ev_extra2, ev_extra3, ev_extra4, error, attempts, first_at, group_name)
        select 'handler', x_queue, f.origin, g.ev_id, g.ev_time, g.ev_retry, g.ev_type, g.ev_data,
            g.ev_extra1, g.ev_extra2, g.ev_extra3, g.ev_extra4,
            coalesce(k.last_error || ' ', '') || '(An operator skipped it.)', greatest(k.attempts, 1),
            coalesce(f.first_at, k.since), nullif(split_part(x_group, '/', 2), '')
        from given g left join forgotten f on true;
    end if;
    update tributary.paused_key o set next_at = clock_timestamp()
    where o.queue_id = k.queue_id and o.sub_id = k.sub_id and o.hash = k.hash;
    perform pg_notify('tributary_tick', x_queue);
    return (select count(*) from (
        select from tributary.lane_waiting w
        where w.queue_id = k.queue_id and w.sub_id = k.sub_id and w.hash = k.hash and w.ev_id <> k.ev_id limit 10000) w);
end;
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.lane_of(4)
--
--      The lane that an event is in now, and how far that is.
--
-- Parameters:
--      x_queue     - central queue
--      x_group     - group, as a consumer
--      x_id, x_txid    - of the event
--
-- Returns:
--      lane        - null: the group has none
--      at          - its position
--      batch       - token of the batch of it that is open
--
-- Writes:
--      none
--
-- Called by:
--      src/observability/trace/handled.ts
-- ----------------------------------------------------------------------
create or replace function tributary.lane_of(x_queue text, x_group text, x_id bigint, x_txid bigint,
    out lane integer, out at bigint, out batch bigint)
language plpgsql stable
set search_path = pg_catalog, pg_temp set enable_seqscan = off set max_parallel_workers_per_gather = 0
as $$
declare
    v_main  pgq.subscription := tributary.coop_group(x_queue, x_group);
    v_key   text;
    v_table text;
begin
    select s.key, q.queue_data_pfx into v_key, v_table
    from tributary.lane_set s join pgq.queue q on q.queue_id = s.queue_id
    where s.queue_id = v_main.sub_queue and s.sub_id = v_main.sub_id and s.lanes > 0;
    if not found then
        return;
    end if;
    execute format($sql$
        select l.lane, l.position, l.batch
        from %s e, tributary.lane l
        where e.ev_txid = $1 and e.ev_id = $2 and l.queue_id = $3 and l.sub_id = $4 and %s
        limit 1
        $sql$, v_table, tributary.lane_filter(v_key, 'l.buckets'))
    into lane, at, batch using x_txid, x_id, v_main.sub_queue, v_main.sub_id;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.lag_central(2)
--
--      How far the workers are behind in each central queue. Events of batches that a member has open count as behind. The
--      answer is 0 only where no event was found after the group's position; up to 10 000 are counted, more are estimated.
--
--      Runs with the rights of its owner: a role that may only look (pgq_reader) may not read events that wait for another try.
--
-- Parameters:
--      x_queues    - central queues and groups of them, as tributary.group_of takes them
--      x_group     - the installation's group without a name
--
-- Returns:
--      a row per name; of a queue with groups only what came in, and the dead events that were refused, are its own
--      is_there, has_group     - whether the queue exists, and the group on it
--      wanted                  - workers wanted; null where there is no pool
--      running                 - workers that are up in slots that are held now, on hosts that have beaten within a sixth of their ttl
--      parked                  - where slots are held and no worker can run in them, and why: `on HOST: SENTENCE`
--      troubled                - where workers run and make no progress, and why: `on HOST: SENTENCE`
--      tried, failed, failure  - the last events that workers tried, how many of them failed, and how the last one failed
--      came                    - events that came in a second, over the last minute, or up to five where ticks are rare; retried
--                                ones do not count. Null where the queue is too young, or was not ticked for that long
--      handled                 - events that workers have handled a second, over the last minute; null: one of them does not report it
--      batches                 - batches that take long: a list of {slot, done, events, seconds}
--      events_behind, exact    - null where there is no group, or its position's tick is gone
--      seconds_behind          - age of the oldest event that waits, by its own time or by its tick here, whichever is more; an
--                                event that had to wait for its time counts from when it was due, one that is tried again from its tick
--      position_tick           - the group's position
--      tick_is_gone            - that tick, or one of an open batch, does not exist any more
--      retrying, dead          - events that wait to be tried again; dead events
--      paused_keys, paused_events  - keys that are paused because an event failed, and events that wait for that, up to 10 000 of them
--      paused_seconds, paused_key  - the one that has been for longest: for how long, and its beginning
--      lanes, next_lanes       - how many lanes the group has, and will have behind a mark; null: no lanes, and no other number. 0: none
--
-- Writes:
--      none
--
-- Called by:
--      src/observability/lag/read-central.ts
-- ----------------------------------------------------------------------
create or replace function tributary.lag_central(x_queues text[], x_group text)
returns table (
    queue text, is_there boolean, has_group boolean, wanted integer, running integer, parked text, troubled text,
    tried bigint, failed bigint, failure text, came double precision,
    handled double precision, batches jsonb, events_behind bigint, exact boolean, seconds_behind double precision, position_tick bigint, tick_is_gone boolean, retrying bigint,
    dead bigint, lanes integer, next_lanes integer,
    paused_keys bigint, paused_events bigint, paused_seconds double precision, paused_key text) as $$
#variable_conflict use_column
declare
    c_counted   constant integer := 10000;
    q           record;
    g           record;
    b           record;
    p           record;
    v_oldest    timestamptz;
    v_all       bigint;
    v_waiting   bigint;
    v_found     record;
begin
    for q in
        select w.name, o.queue as queue_name, o.group_name, o.part, pq.queue_id, pq.queue_data_pfx, pq.queue_event_seq
        from unnest(x_queues) with ordinality w (name, n)
        cross join lateral tributary.group_of(w.name, x_group) o
        left join pgq.queue pq on pq.queue_name = o.queue
        order by w.n
    loop
        queue := q.name;
        is_there := q.queue_id is not null;
        events_behind := null;
        exact := false;
        seconds_behind := null;
        tick_is_gone := false;
        lanes := null;
        next_lanes := null;
        v_waiting := 0;
        paused_keys := 0;
        paused_events := 0;
        paused_seconds := null;
        paused_key := null;
        came := tributary.lag_came(q.queue_id, q.queue_event_seq);
        select p.wanted into wanted from tributary.worker_pool p where p.central_queue = q.name;
        -- For a member that does not report what runs, its slots count. Of one that is silent nothing runs, as far as is known:
        -- its slots are free to others only when its leases have run out.
        select coalesce(sum(least(h.slots, coalesce((m.details -> 'running' ->> q.name)::bigint, h.slots)))
                filter (where m.seen_at > clock_timestamp() - m.ttl / 6), 0),
            min('on ' || m.host || ': ' || (m.details -> 'parked' ->> q.name)),
            min('on ' || m.host || ': ' || (m.details -> 'troubled' ->> q.name)),
            coalesce(sum((m.details -> 'recent' -> q.name ->> 'tried')::bigint), 0),
            coalesce(sum((m.details -> 'recent' -> q.name ->> 'failed')::bigint), 0),
            (array_agg(m.details -> 'recent' -> q.name ->> 'error'
                order by (m.details -> 'recent' -> q.name ->> 'failed')::bigint desc nulls last))[1],
            case when bool_and(m.details -> 'handled' ? q.name)
                then sum((m.details -> 'handled' ->> q.name)::double precision) end,
            coalesce(jsonb_path_query_array(jsonb_agg(m.details -> 'batches' -> q.name)
                filter (where jsonb_typeof(m.details -> 'batches' -> q.name) = 'array'), '$[*][*]'), '[]')
        into running, parked, troubled, tried, failed, failure, handled, batches
        from (select l.holder, count(*) as slots
              from tributary.lease l
              where starts_with(l.resource, 'slot:' || q.name || '#') and l.is_held
                  and substr(l.resource, length('slot:' || q.name || '#') + 1) ~ '^[0-9]+$'
              group by l.holder) h
        join tributary.member m on m.id = h.holder;
        select count(*) into dead from tributary.dead_event d
        where d.central_queue = q.queue_name and d.group_name is not distinct from q.part and d.redriven_at is null;

        select s.sub_id, s.sub_consumer, s.sub_last_tick, t.tick_id, t.tick_time, t.tick_event_seq, t.tick_snapshot into g
        from pgq.consumer c
        join pgq.subscription s on s.sub_queue = q.queue_id and s.sub_consumer = c.co_id
        left join pgq.tick t on t.tick_queue = s.sub_queue and t.tick_id = s.sub_last_tick
        where c.co_name = q.group_name;
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

        select nullif(o.lanes, 0), o.next_lanes into lanes, next_lanes
        from tributary.lane_set o where o.queue_id = q.queue_id and o.sub_id = g.sub_id;
        if next_lanes is not null or lanes is not null then
            select count(*) filter (where k.waits_for = 'retry'),
                extract(epoch from clock_timestamp() - min(k.since) filter (where k.waits_for = 'retry')),
                (array_agg(k.key order by k.since) filter (where k.waits_for = 'retry'))[1], count(*)
            into paused_keys, paused_seconds, paused_key, v_waiting
            from tributary.paused_key k where k.queue_id = q.queue_id and k.sub_id = g.sub_id;
        end if;
        -- Keys that wait for their turn or their rate are behind like others.
        v_oldest := null;
        if v_waiting > paused_keys then
            select min(coalesce(w.counts_from, w.ev_time)) into v_oldest
            from tributary.paused_key k
            cross join lateral (
                select w.ev_time, w.counts_from from tributary.lane_waiting w
                where w.queue_id = k.queue_id and w.sub_id = k.sub_id and w.hash = k.hash and w.ev_id >= tributary.waits_from(k)
                order by w.ev_id limit 1) w
            where k.queue_id = q.queue_id and k.sub_id = g.sub_id and k.waits_for <> 'retry';
        end if;
        if paused_keys > 0 then
            select count(*) into paused_events
            from (select from tributary.paused_key k
                  join tributary.lane_waiting w on w.queue_id = k.queue_id and w.sub_id = k.sub_id and w.hash = k.hash
                  where k.queue_id = q.queue_id and k.sub_id = g.sub_id and k.waits_for = 'retry' limit c_counted) w;
            retrying := retrying + paused_keys;
        end if;
        if v_waiting > 0 then
            select count(*) into v_waiting from (
                select from tributary.lane_waiting w where w.queue_id = q.queue_id and w.sub_id = g.sub_id limit c_counted) w;
        end if;
        events_behind := v_waiting;
        exact := v_waiting < c_counted;
        for p in
            select f.at, t.tick_time, t.tick_snapshot, f.own
            from (select g.sub_last_tick as at, null::text as own where lanes is null
                  union all
                  select l.position, tributary.lane_filter(o.key, quote_literal(l.buckets) || '::integer[]')
                  from tributary.lane l join tributary.lane_set o on o.queue_id = l.queue_id and o.sub_id = l.sub_id
                  where lanes is not null and l.queue_id = q.queue_id and l.sub_id = g.sub_id) f
            left join pgq.tick t on t.tick_queue = q.queue_id and t.tick_id = f.at
        loop
            if p.tick_snapshot is null then
                tick_is_gone := true;
                exact := false;
                continue;
            end if;
            select * into v_found
            from tributary.lag_rows(q.queue_data_pfx, p.tick_snapshot, null, g.sub_id, c_counted + 1, p.own, q.queue_name);
            v_all := v_found.rows;
            if v_found.rows > c_counted then
                exact := false;
                v_all := greatest(v_found.rows,
                    tributary.lag_estimate(q.queue_data_pfx, p.tick_snapshot, null) / coalesce(lanes, 1));
            end if;
            events_behind := events_behind + v_all;
            if v_found.rows > 0 then
                -- Not ticked yet: of events that are tried again only the tick before them is known.
                v_oldest := least(v_oldest, coalesce(
                    (select least(v_found.oldest, t.tick_time)
                     from (select t.tick_time from pgq.tick t
                           where t.tick_queue = q.queue_id and t.tick_id > p.at and lanes is null order by t.tick_id limit 1) t),
                    v_found.oldest, p.tick_time));
            end if;
        end loop;

        for b in
            select s.sub_last_tick, f.tick_id as from_tick, f.tick_snapshot as from_snapshot,
                e.tick_snapshot as end_snapshot,
                tributary.lane_filter(o.key, quote_literal(l.buckets) || '::integer[]') as own,
                (select t.tick_time from pgq.tick t
                 where t.tick_queue = q.queue_id and t.tick_id > s.sub_last_tick order by t.tick_id limit 1) as oldest
            from pgq.subscription s
            left join pgq.tick f on f.tick_queue = s.sub_queue and f.tick_id = s.sub_last_tick
            left join pgq.tick e on e.tick_queue = s.sub_queue and e.tick_id = s.sub_next_tick
            left join tributary.lane l on l.queue_id = s.sub_queue and l.sub_id = s.sub_id and l.batch = s.sub_batch
            left join tributary.lane_set o on o.queue_id = l.queue_id and o.sub_id = l.sub_id
            where s.sub_queue = q.queue_id and s.sub_id = g.sub_id and s.sub_consumer <> g.sub_consumer
                and s.sub_last_tick is not null and s.sub_batch is not null
        loop
            if b.from_snapshot is null or b.end_snapshot is null then
                tick_is_gone := true;
                exact := false;
                continue;
            end if;
            select * into v_found
            from tributary.lag_rows(q.queue_data_pfx, b.from_snapshot, b.end_snapshot, g.sub_id, c_counted + 1, b.own, q.queue_name);
            if v_found.rows > 0 then
                v_oldest := least(v_oldest, v_found.oldest, case when b.own is null then b.oldest end);
                if v_found.rows > c_counted then
                    exact := false;
                    events_behind := events_behind + greatest(v_found.rows,
                        tributary.lag_estimate(q.queue_data_pfx, b.from_snapshot, b.end_snapshot) / coalesce(lanes, 1));
                else
                    events_behind := events_behind + v_found.rows;
                end if;
            end if;
        end loop;
        seconds_behind := coalesce(greatest(extract(epoch from clock_timestamp() - v_oldest), 0), 0);
        return next;
    end loop;
end;
$$ language plpgsql stable security definer set search_path = pg_catalog, pg_temp;
revoke all on function tributary.lag_central(text[], text) from public;
do $$
begin
    if to_regrole('pgq_reader') is not null then
        grant execute on function tributary.lag_central(text[], text) to pgq_reader;
    end if;
end;
$$;

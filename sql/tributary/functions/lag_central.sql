-- ----------------------------------------------------------------------
-- Function: tributary.lag_central(2)
--
--      How far the workers are behind in each central queue. Batches that a member has open are behind too. Nothing behind
--      is said only where no event was found after the group's position; up to 10 000 are counted, more are estimated from
--      the sequence.
--
-- Parameters:
--      x_queues    - central queues
--      x_group     - the group of the workers
--
-- Returns:
--      a row per queue
--      is_there, has_group     - whether the queue exists, and the group on it
--      wanted                  - workers wanted; null where there is no pool
--      running                 - workers that are up in slots that are held now
--      parked                  - where slots are held and no worker can run in them, and why: `on HOST: SENTENCE`
--      events_behind, exact    - null where there is no group, or its position's tick is gone
--      seconds_behind          - age of the oldest tick that the position has not passed or, none, of the oldest event
--      position_tick           - where the group stands
--      tick_is_gone            - that tick, or one of an open batch, does not exist any more
--      retrying, dead          - events that wait to be tried again; dead events
--
-- Writes:
--      none
--
-- Called by:
--      src/observability/lag-central.ts
-- ----------------------------------------------------------------------
create or replace function tributary.lag_central(x_queues text[], x_group text)
returns table (
    queue text, is_there boolean, has_group boolean, wanted integer, running integer, parked text, events_behind bigint,
    exact boolean, seconds_behind double precision, position_tick bigint, tick_is_gone boolean, retrying bigint,
    dead bigint) as $$
#variable_conflict use_column
declare
    c_counted   constant integer := 10000;
    q           record;
    g           record;
    b           record;
    v_rows      bigint;
    v_oldest    timestamptz;
    v_found     record;
    v_sequence  bigint;
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
        -- A member that does not tell what runs is taken at its slots.
        select coalesce(sum(least(h.slots, coalesce((m.details -> 'running' ->> q.name)::bigint, h.slots))), 0),
            min('on ' || m.host || ': ' || (m.details -> 'parked' ->> q.name))
        into running, parked
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

        v_sequence := coalesce(pg_sequence_last_value(q.queue_event_seq::regclass), 0) - g.tick_event_seq;
        select * into v_found from tributary.lag_rows(q.queue_data_pfx, g.tick_snapshot, null, g.sub_id,
            case when v_sequence <= c_counted then c_counted + 1 else 1 end);
        v_rows := v_found.rows;
        exact := v_rows = 0 or v_sequence <= c_counted and v_rows <= c_counted;
        events_behind := case when exact then v_rows else greatest(v_sequence, v_rows) end;
        v_oldest := null;
        if v_rows > 0 then
            select min(t.tick_time) into v_oldest
            from (select t.tick_time from pgq.tick t
                  where t.tick_queue = q.queue_id and t.tick_id > g.tick_id order by t.tick_id limit 1) t;
            -- Times of events are those of the shards; after the newest tick nothing is older than that tick.
            v_oldest := coalesce(v_oldest, greatest(v_found.oldest, g.tick_time));
        end if;

        for b in
            select s.sub_last_tick, f.tick_id as from_tick, f.tick_snapshot as from_snapshot, f.tick_event_seq as from_seq,
                e.tick_snapshot as end_snapshot, e.tick_event_seq as end_seq,
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
            select * into v_found from tributary.lag_rows(q.queue_data_pfx, b.from_snapshot, b.end_snapshot, g.sub_id,
                case when b.end_seq - b.from_seq <= c_counted then c_counted + 1 else 1 end);
            if v_found.rows > 0 then
                v_oldest := least(v_oldest, b.oldest);
                if b.end_seq - b.from_seq > c_counted or v_found.rows > c_counted then
                    exact := false;
                    events_behind := events_behind + greatest(b.end_seq - b.from_seq, v_found.rows);
                else
                    events_behind := events_behind + v_found.rows;
                end if;
            end if;
        end loop;
        seconds_behind := coalesce(extract(epoch from clock_timestamp() - v_oldest), 0);
        return next;
    end loop;
end;
$$ language plpgsql stable set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.lag_rows(5)
--
--      Counts the events of a central queue that were not finished at one snapshot, and finished at another.
--
-- Parameters:
--      x_table     - parent of the queue's event tables
--      x_from      - after this snapshot
--      x_end       - up to this one; null: all that is committed
--      x_group     - sub_id whose retried events count, too
--      x_limit     - counts no further
--
-- Returns:
--      rows        - how many
--      oldest      - the smallest ev_time of them
--
-- Writes:
--      none
--
-- Called by:
--      tributary.lag_central
-- ----------------------------------------------------------------------
create or replace function tributary.lag_rows(
    x_table text, x_from txid_snapshot, x_end txid_snapshot, x_group integer, x_limit integer,
    out rows bigint, out oldest timestamptz) as $$
begin
    execute format($sql$
        select count(*), min(r.ev_time)
        from (
            select e.ev_time from (
                select e.ev_time, e.ev_txid, e.ev_owner from %1$s e where e.ev_txid >= txid_snapshot_xmax($1)
                union all
                select e.ev_time, e.ev_txid, e.ev_owner from %1$s e
                where e.ev_txid = any (array(select txid_snapshot_xip($1)))) e
            where (e.ev_owner is null or e.ev_owner = $3) and ($2 is null or txid_visible_in_snapshot(e.ev_txid, $2))
            limit $4) r
        $sql$, x_table)
    into rows, oldest using x_from, x_end, x_group, x_limit;
end;
$$ language plpgsql stable
   -- Event tables are never analysed; without these the planner would read a whole table to find that it holds nothing new.
   set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off;

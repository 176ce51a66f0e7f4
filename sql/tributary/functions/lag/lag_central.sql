-- ----------------------------------------------------------------------
-- Function: tributary.lag_central(2)
--
--      How far the workers are behind in each central queue. Batches that a member has open are behind too. Nothing behind
--      is said only where no event was found after the group's position; up to 10 000 are counted, more are estimated.
--
--      Runs with the rights of whoever installed it: who may only look (pgq_reader) may not read what waits for another try.
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
--      troubled                - where workers run and do not get on, and why: `on HOST: SENTENCE`
--      tried, failed, failure  - of the last events that workers tried, and how the last one failed
--      batches                 - those that take long: a list of {slot, done, events, seconds}
--      events_behind, exact    - null where there is no group, or its position's tick is gone
--      seconds_behind          - age of the oldest event that waits, by its own time or by when it was ticked here, whichever
--                                is more; an event that is tried again counts from its tick only
--      position_tick           - where the group stands
--      tick_is_gone            - that tick, or one of an open batch, does not exist any more
--      retrying, dead          - events that wait to be tried again; dead events
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
        -- A member that does not tell what runs is taken at its slots.
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
            -- Not ticked yet. Of events that are tried again only the tick before them is known.
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
$$ language plpgsql stable security definer set search_path = pg_catalog, pg_temp;
revoke all on function tributary.lag_central(text[], text) from public;
do $$
begin
    if to_regrole('pgq_reader') is not null then
        grant execute on function tributary.lag_central(text[], text) to pgq_reader;
    end if;
end;
$$;

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
--      oldest      - the smallest ev_time of those that are not tried again
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
    -- In the order of the transactions, so that the oldest are among those that are counted.
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
   -- Event tables are never analysed; without these the planner would read a whole table to find that it holds nothing new.
   set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off;

-- ----------------------------------------------------------------------
-- Function: tributary.lag_estimate(3)
--
--      About how many events lie between two snapshots, where there are too many to be counted: transaction by transaction,
--      from the ids of the first and the last event that each wrote. Commits that ran beside each other share the ids, so
--      that the estimate is rather too high than too low.
--
-- Parameters:
--      x_table     - parent of the queue's event tables
--      x_from      - after this snapshot
--      x_end       - up to this one; null: all that is committed
--
-- Returns:
--      the estimate
--
-- Writes:
--      none
--
-- Called by:
--      tributary.lag_central, tributary.lag_batch
-- ----------------------------------------------------------------------
create or replace function tributary.lag_estimate(x_table text, x_from txid_snapshot, x_end txid_snapshot)
returns bigint as $$
declare
    -- Beyond these the rest is taken from the ids alone.
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
        -- Rows of one transaction lie in the index as they lie in the table: about in the order in which they were written. `between`, because the planner
        -- drops an order by what is equal to a constant, and with it the direction.
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
   -- Event tables are never analysed; without these the planner would read and sort a whole table.
   set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off
   set jit = off;

-- ----------------------------------------------------------------------
-- Function: tributary.lag_batch(1)
--
--      About how many events a batch holds.
--
-- Parameters:
--      x_token     - the batch's token
--
-- Returns:
--      the estimate; null where the token is no longer valid
--
-- Writes:
--      none
--
-- Called by:
--      src/workers/child/reading/estimate.ts
-- ----------------------------------------------------------------------
create or replace function tributary.lag_batch(x_token bigint)
returns bigint as $$
    select tributary.lag_estimate(q.queue_data_pfx, f.tick_snapshot, e.tick_snapshot)
    from pgq.subscription b
    join pgq.queue q on q.queue_id = b.sub_queue
    join pgq.tick f on f.tick_queue = b.sub_queue and f.tick_id = b.sub_last_tick
    join pgq.tick e on e.tick_queue = b.sub_queue and e.tick_id = b.sub_next_tick
    where b.sub_batch = x_token;
$$ language sql stable set search_path = pg_catalog, pg_temp;

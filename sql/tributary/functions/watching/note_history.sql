-- ----------------------------------------------------------------------
-- Function: tributary.note_history(2)
--
--      Notes how the central queues do, unless somebody did so within the last nine seconds. Where the current table is a day
--      old, the other one is emptied and becomes the current one: so a day is always there.
--
-- Parameters:
--      x_queues    - central queues
--      x_group     - the group of the workers
--
-- Returns:
--      whether it was noted
--
-- Writes:
--      tributary.queue_history_0, tributary.queue_history_1, tributary.queue_history_table
--
-- Called by:
--      src/upkeep/central-upkeep.ts
-- ----------------------------------------------------------------------
create or replace function tributary.note_history(x_queues text[], x_group text)
returns boolean as $$
declare
    v_current   integer;
    v_switched  timestamptz;
    v_now       timestamptz := clock_timestamp();
begin
    -- A time to come is from before the clock was set back.
    select t.current, t.switched_at into v_current, v_switched
    from tributary.queue_history_table t
    where t.noted_at <= v_now - interval '9 seconds' or t.noted_at > v_now
    for update skip locked;
    if not found then
        return false;
    end if;
    if v_switched <= v_now - interval '1 day' then
        begin
            execute format('lock table tributary.queue_history_%s in access exclusive mode nowait', 1 - v_current);
            execute format('truncate tributary.queue_history_%s', 1 - v_current);
            v_current := 1 - v_current;
            v_switched := v_now;
        exception when lock_not_available then
            -- Somebody reads it: next time.
            null;
        end;
    end if;
    execute format($sql$
        insert into tributary.queue_history_%s (central_queue, at, in_rate, out_rate, waiting, age, workers_up, workers_wanted,
            retrying, dead)
        select l.queue, $1, l.came, l.handled, l.events_behind, l.seconds_behind, l.running, l.wanted, l.retrying, l.dead
        from tributary.lag_central($2, $3) l
        where l.is_there
        on conflict do nothing
        $sql$, v_current)
    using v_now, x_queues, x_group;
    update tributary.queue_history_table set current = v_current, switched_at = v_switched, noted_at = v_now;
    return true;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.history_of(3)
--
--      How a central queue did, in steps: rates are the mean of a step, all others its largest.
--
-- Parameters:
--      x_queue     - the central queue
--      x_span      - how far back
--      x_step      - length of a step
--
-- Returns:
--      a row per step that has figures, the oldest first; at: its begin, in Unix seconds
--
-- Writes:
--      none
--
-- Called by:
--      src/central/logbook/read.ts
-- ----------------------------------------------------------------------
create or replace function tributary.history_of(x_queue text, x_span interval, x_step interval)
returns table (at double precision, in_rate double precision, out_rate double precision, waiting bigint, age double precision) as $$
    select extract(epoch from date_bin(x_step, h.at, 'epoch'))::double precision, avg(h.in_rate)::double precision,
        avg(h.out_rate)::double precision, max(h.waiting), max(h.age)::double precision
    from tributary.queue_history h
    where h.central_queue = x_queue and h.at > now() - x_span
    group by 1
    order by 1
$$ language sql stable set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.schedule_see(2)
--
--      How far schedules have been decided. One that is new, or is due at other times than before, begins at this moment.
--
-- Parameters:
--      x_names     - names of schedules
--      x_specs     - when each is due, as text
--
-- Returns:
--      a row per schedule, times in milliseconds since 1970; now_ms: by central's clock
--
-- Writes:
--      tributary.schedule, where a schedule is new or another one
--
-- Called by:
--      src/schedules/stored.ts
-- ----------------------------------------------------------------------
create or replace function tributary.schedule_see(x_names text[], x_specs text[])
returns table (name text, decided_ms double precision, is_paused boolean, now_ms double precision) as $$
#variable_conflict use_column
begin
    if exists (
        select from unnest(x_names, x_specs) w (name, spec)
        left join tributary.schedule s on s.name = w.name and s.spec = w.spec
        where s.name is null)
    then
        insert into tributary.schedule as s (name, spec, decided_at)
        select w.name, w.spec, clock_timestamp() from unnest(x_names, x_specs) w (name, spec) order by 1
        on conflict (name) do update set spec = excluded.spec, decided_at = greatest(s.decided_at, excluded.decided_at)
            where s.spec <> excluded.spec;
    end if;
    return query
        select s.name, extract(epoch from s.decided_at)::double precision * 1000, s.paused_at is not null,
            extract(epoch from clock_timestamp())::double precision * 1000
        from tributary.schedule s where s.name = any (x_names);
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.schedule_decide(10)
--
--      Decides a schedule up to a time: its events go into their queue in the same transaction that notes it, so each time is
--      decided once, however many look.
--
-- Parameters:
--      x_name      - the schedule
--      x_from_ms   - up to where it was decided, as tributary.schedule_see said
--      x_to_ms     - up to where it is from now on
--      x_due_ms    - when each of its events was due, in milliseconds since 1970; the time of the event
--      x_passed    - how many times are passed over
--      x_queue     - central queue
--      x_type      - type of the events
--      x_data      - their payload
--      x_column    - extra1 to extra4, the column of their origin, `@schedule:NAME:DUE`; null: none
--      x_is_asked  - by an operator: an event more, and what was decided stays
--
-- Returns:
--      the transaction, which a tick has to cover once it has committed; 0 where no event was to go in, null where another one
--      was faster or the schedule is paused. The errors of tributary.begin_events
--
-- Writes:
--      tributary.schedule, the queue's current event table
--
-- Called by:
--      src/schedules/stored.ts
-- ----------------------------------------------------------------------
create or replace function tributary.schedule_decide(
    x_name text, x_from_ms double precision, x_to_ms double precision, x_due_ms double precision[], x_passed bigint,
    x_queue text, x_type text, x_data text, x_column text, x_is_asked boolean)
returns bigint as $$
declare
    v_xid   bigint := 0;
begin
    update tributary.schedule s
    set decided_at = case when x_is_asked then s.decided_at else to_timestamp(x_to_ms / 1000) end,
        last_due_at = coalesce(to_timestamp(x_due_ms[cardinality(x_due_ms)] / 1000), s.last_due_at),
        last_sent_at = case when cardinality(x_due_ms) > 0 then clock_timestamp() else s.last_sent_at end,
        sent = s.sent + cardinality(x_due_ms), passed_over = s.passed_over + x_passed
    where s.name = x_name
        and (x_is_asked or (s.paused_at is null and extract(epoch from s.decided_at)::double precision * 1000 = x_from_ms));
    if not found then
        return null;
    end if;
    if cardinality(x_due_ms) > 0 then
        v_xid := tributary.begin_events(x_queue);
        execute format($sql$
            insert into %1$s (ev_time, ev_type, ev_data%2$s)
            select to_timestamp(d.due / 1000), $2, $3%3$s
            from unnest($1) with ordinality d (due, place) order by d.place
            $sql$, pgq.current_event_table(x_queue),
            case when x_column in ('extra1', 'extra2', 'extra3', 'extra4') then ', ev_' || x_column else '' end,
            case when x_column in ('extra1', 'extra2', 'extra3', 'extra4')
                then format(', %L || d.due::bigint', '@schedule:' || x_name || ':') else '' end)
        using x_due_ms, x_type, x_data;
    end if;
    return v_xid;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.schedule_list(1)
--
--      What is stored of schedules.
--
-- Parameters:
--      x_names     - names of schedules
--
-- Returns:
--      a row per schedule that was looked at once, times in milliseconds since 1970
--
-- Writes:
--      none
--
-- Called by:
--      src/schedules/stored.ts
-- ----------------------------------------------------------------------
create or replace function tributary.schedule_list(x_names text[])
returns table (name text, decided_ms double precision, last_due_ms double precision, last_sent_ms double precision,
    sent bigint, passed_over bigint, paused_ms double precision, paused_by text) as $$
    select s.name, extract(epoch from s.decided_at)::double precision * 1000,
        extract(epoch from s.last_due_at)::double precision * 1000, extract(epoch from s.last_sent_at)::double precision * 1000,
        s.sent, s.passed_over, extract(epoch from s.paused_at)::double precision * 1000, s.paused_by
    from tributary.schedule s where s.name = any (x_names)
$$ language sql stable set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.schedule_pause(3)
--
--      Pauses schedules, or lets them go on. One that goes on begins at this moment: what was due meanwhile is not made up for.
--
-- Parameters:
--      x_names     - names of schedules
--      x_is_paused - whether they are to be paused
--      x_who       - who does it
--
-- Returns:
--      names of those that were not so before
--
-- Writes:
--      tributary.schedule
--
-- Called by:
--      src/schedules/stored.ts
-- ----------------------------------------------------------------------
create or replace function tributary.schedule_pause(x_names text[], x_is_paused boolean, x_who text)
returns setof text as $$
    update tributary.schedule s
    set paused_at = case when x_is_paused then clock_timestamp() end, paused_by = case when x_is_paused then x_who end,
        decided_at = clock_timestamp()
    where s.name = any (x_names) and (s.paused_at is not null) <> x_is_paused
    returning s.name
$$ language sql set search_path = pg_catalog, pg_temp;

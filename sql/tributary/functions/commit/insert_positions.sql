-- ----------------------------------------------------------------------
-- Function: tributary.insert_positions(2)
--
--      Moves sources: one new row each, in the transaction that inserts their events. Each row names the position that it
--      follows; where that is not the newest one (another mover was faster, central was restored) everything rolls back.
--
-- Parameters:
--      x_positions     - json array of {source, n, after_tick_id, after_tick_time_us, after_end_tick_id,
--                        after_last_event_id, tick_id, tick_time_us, tick_event_seq, tick_snapshot_md5, end_tick_id,
--                        end_tick_time_us, end_tick_event_seq, end_snapshot_md5, last_event_id, moved, unrouted};
--                        after_end_tick_id and after_last_event_id are null where the position before is not inside a
--                        window; moved is the number of events moved now, unrouted, if any, of those that no route takes
--      x_mover         - host of the mover, for people; null: not a mover
--
-- Returns:
--      number of positions stored; raises TB010 where one does not follow the newest
--
-- Writes:
--      tributary.position_0, tributary.position_1
--
-- Called by:
--      src/central/commit/commit.ts
-- ----------------------------------------------------------------------
create or replace function tributary.insert_positions(x_positions jsonb, x_mover text default null)
returns integer as $$
declare
    v_current   integer;
    v_steps     tributary.position[];
    v_stored    integer;
begin
    -- Shared: rotate_positions cannot change tables between the look and the commit, so that two movers that insert the same
    -- n conflict in one primary key.
    lock table tributary.position_table in row exclusive mode;
    select current into v_current from tributary.position_table;
    -- Not as one dynamic statement with the table's name in it: planning that anew for each commit costs more than running it.
    select array_agg(row(r.source, r.n, r.tick_id, r.tick_time_us, r.tick_event_seq, r.tick_snapshot_md5,
        r.end_tick_id, r.end_tick_time_us, r.end_tick_event_seq, r.end_snapshot_md5,
        r.last_event_id, newest.moved + r.moved, now(), txid_current(), x_mover,
        case when r.unrouted is null then newest.unrouted else coalesce(newest.unrouted, 0) + r.unrouted end
        )::tributary.position order by r.source)
    into v_steps
    from jsonb_to_recordset(x_positions) as r (source integer, n bigint, after_tick_id bigint, after_tick_time_us bigint,
            after_end_tick_id bigint, after_last_event_id bigint,
            tick_id bigint, tick_time_us bigint, tick_event_seq bigint, tick_snapshot_md5 text,
            end_tick_id bigint, end_tick_time_us bigint, end_tick_event_seq bigint, end_snapshot_md5 text,
            last_event_id bigint, moved bigint, unrouted bigint)
    cross join lateral (
        select p.n, p.tick_id, p.tick_time_us, p.end_tick_id, p.last_event_id, p.moved, p.unrouted from tributary.position p
        where p.source = r.source order by p.n desc limit 1) newest
    where newest.n = r.n - 1
      and newest.tick_id = r.after_tick_id
      and newest.tick_time_us = r.after_tick_time_us
      -- Inside one window positions differ by these alone.
      and newest.end_tick_id is not distinct from r.after_end_tick_id
      and newest.last_event_id is not distinct from r.after_last_event_id;
    -- Waits for another mover that moves the source at this moment; then that one was faster, and no constraint is violated.
    if v_current = 0 then
        insert into tributary.position_0 select s.* from unnest(v_steps) s on conflict (source, n) do nothing;
    else
        insert into tributary.position_1 select s.* from unnest(v_steps) s on conflict (source, n) do nothing;
    end if;
    get diagnostics v_stored = row_count;
    if v_stored <> jsonb_array_length(x_positions) then
        raise exception using errcode = 'TB010',
            message = 'a source''s position is not where this mover left it: another mover moved it, or central was restored';
    end if;
    return v_stored;
end;
$$ language plpgsql
   -- The plan is kept while the tables grow, and nobody analyses them.
   set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off
   set max_parallel_workers_per_gather = 0;

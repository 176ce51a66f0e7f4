-- ----------------------------------------------------------------------
-- Function: pgq.find_tick_helper(6)
--
--      Chooses the end of a batch that should have i_min_count events or last i_min_interval. Takes the newest tick if
--      that is enough; if it is more than twice as much, the first tick that is enough.
--
-- Parameters:
--      i_queue_id          - the queue
--      i_prev_tick_id      - tick at the start of the batch
--      i_prev_tick_time    - its time
--      i_prev_tick_seq     - its event sequence
--      i_min_count         - wanted number of events, or null
--      i_min_interval      - wanted duration, or null
--
-- Returns:
--      next_tick_id, next_tick_time, next_tick_seq - the tick, nulls if none is enough
--
-- Writes:
--      none
--
-- Called by:
--      pgq.next_batch_custom, users
-- ----------------------------------------------------------------------
create or replace function pgq.find_tick_helper(
    i_queue_id integer, i_prev_tick_id bigint, i_prev_tick_time timestamptz, i_prev_tick_seq bigint,
    i_min_count bigint, i_min_interval interval,
    out next_tick_id bigint, out next_tick_time timestamptz, out next_tick_seq bigint)
language plpgsql
stable
as $$
declare
    v_over  boolean;
begin
    select t.tick_id, t.tick_time, t.tick_event_seq into next_tick_id, next_tick_time, next_tick_seq
      from pgq.tick t
     where t.tick_queue = i_queue_id and t.tick_id > i_prev_tick_id
     order by t.tick_id desc limit 1;
    if not found then
        return;
    end if;

    v_over := coalesce(next_tick_seq - i_prev_tick_seq > 2 * i_min_count, false)
           or coalesce(next_tick_time - i_prev_tick_time > 2 * i_min_interval, false);
    if v_over then
        select t.tick_id, t.tick_time, t.tick_event_seq into next_tick_id, next_tick_time, next_tick_seq
          from pgq.tick t
         where t.tick_queue = i_queue_id and t.tick_id > i_prev_tick_id
           and (t.tick_event_seq - i_prev_tick_seq >= i_min_count or t.tick_time - i_prev_tick_time >= i_min_interval)
         order by t.tick_id limit 1;
    elsif not (coalesce(next_tick_seq - i_prev_tick_seq >= i_min_count, false)
            or coalesce(next_tick_time - i_prev_tick_time >= i_min_interval, false)) then
        next_tick_id := null;
        next_tick_time := null;
        next_tick_seq := null;
    end if;
end;
$$;

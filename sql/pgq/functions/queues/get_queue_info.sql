-- ----------------------------------------------------------------------
-- Function: pgq.get_queue_info(1)
--
--      Settings and state of a queue.
--
-- Parameters:
--      i_queue_name    - name of the queue, null for all
--
-- Returns:
--      one row a queue: its settings; ticker_lag, age of the newest tick; ev_per_sec over the last twenty ticks;
--      ev_new, events since the newest tick by the sequence; last_tick_id. No row for an unknown queue.
--
-- Writes:
--      none
--
-- Called by:
--      users
-- ----------------------------------------------------------------------
create or replace function pgq.get_queue_info(
    i_queue_name text,
    out queue_name text, out queue_ntables integer, out queue_cur_table integer, out queue_rotation_period interval,
    out queue_switch_time timestamptz, out queue_external_ticker boolean, out queue_ticker_paused boolean,
    out queue_ticker_max_count integer, out queue_ticker_max_lag interval, out queue_ticker_idle_period interval,
    out ticker_lag interval, out ev_per_sec double precision, out ev_new bigint, out last_tick_id bigint)
returns setof record
language plpgsql
as $$
begin
    return query
        select q.queue_name, q.queue_ntables, q.queue_cur_table, q.queue_rotation_period,
               q.queue_switch_time, q.queue_external_ticker, q.queue_ticker_paused,
               q.queue_ticker_max_count, q.queue_ticker_max_lag, q.queue_ticker_idle_period,
               now() - last.tick_time,
               (last.tick_event_seq - base.tick_event_seq)
                   / nullif(extract(epoch from last.tick_time - base.tick_time), 0)::double precision,
               case when last.tick_id is not null then pgq.seq_getval(q.queue_event_seq) - last.tick_event_seq end,
               last.tick_id
          from pgq.queue q
          left join lateral (select * from pgq.tick t where t.tick_queue = q.queue_id
                              order by t.tick_id desc limit 1) last on true
          left join lateral (select * from pgq.tick t where t.tick_queue = q.queue_id and t.tick_id >= last.tick_id - 20
                              order by t.tick_id limit 1) base on true
         where i_queue_name is null or q.queue_name = i_queue_name
         order by q.queue_name;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq.get_queue_info(0)
--
--      Settings and state of all queues.
--
-- Parameters:
--      none
--
-- Returns:
--      see pgq.get_queue_info(1)
--
-- Writes:
--      none
--
-- Called by:
--      users
-- ----------------------------------------------------------------------
create or replace function pgq.get_queue_info(
    out queue_name text, out queue_ntables integer, out queue_cur_table integer, out queue_rotation_period interval,
    out queue_switch_time timestamptz, out queue_external_ticker boolean, out queue_ticker_paused boolean,
    out queue_ticker_max_count integer, out queue_ticker_max_lag interval, out queue_ticker_idle_period interval,
    out ticker_lag interval, out ev_per_sec double precision, out ev_new bigint, out last_tick_id bigint)
returns setof record
language sql
as $$
    select * from pgq.get_queue_info(null);
$$;

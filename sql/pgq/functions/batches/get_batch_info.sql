-- ----------------------------------------------------------------------
-- Function: pgq.get_batch_info(1)
--
--      Ticks, times and owner of an open batch.
--
-- Parameters:
--      x_batch_id      - id of the batch
--
-- Returns:
--      queue_name, consumer_name   - its owner; all fields are null for an unknown batch
--      batch_start, batch_end      - times of its ticks
--      prev_tick_id, tick_id       - its ticks
--      lag                         - age of its end
--      seq_start, seq_end          - event sequences of its ticks
--
-- Writes:
--      none
--
-- Called by:
--      users
-- ----------------------------------------------------------------------
create or replace function pgq.get_batch_info(
    x_batch_id bigint,
    out queue_name text, out consumer_name text, out batch_start timestamptz, out batch_end timestamptz,
    out prev_tick_id bigint, out tick_id bigint, out lag interval, out seq_start bigint, out seq_end bigint)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
-- See pgq.next_batch_custom.
set enable_seqscan = off
set max_parallel_workers_per_gather = 0
as $$
begin
    select q.queue_name, c.co_name, p.tick_time, t.tick_time, p.tick_id, t.tick_id,
           now() - t.tick_time, p.tick_event_seq, t.tick_event_seq
      into queue_name, consumer_name, batch_start, batch_end, prev_tick_id, tick_id, lag, seq_start, seq_end
      from pgq.subscription s
      join pgq.queue q on q.queue_id = s.sub_queue
      join pgq.consumer c on c.co_id = s.sub_consumer
      join pgq.tick p on p.tick_queue = s.sub_queue and p.tick_id = s.sub_last_tick
      join pgq.tick t on t.tick_queue = s.sub_queue and t.tick_id = s.sub_next_tick
     where s.sub_batch = x_batch_id;
end;
$$;

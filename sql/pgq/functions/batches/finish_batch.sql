-- ----------------------------------------------------------------------
-- Function: pgq.finish_batch(1)
--
--      Closes a batch: the consumer's position moves to its end.
--
-- Parameters:
--      x_batch_id      - id of the batch
--
-- Returns:
--      1 - closed
--      0 - no such batch is open; also a warning
--
-- Writes:
--      pgq.subscription
--
-- Called by:
--      users
-- ----------------------------------------------------------------------
create or replace function pgq.finish_batch(x_batch_id bigint)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
-- See pgq.next_batch_custom.
set enable_seqscan = off
set max_parallel_workers_per_gather = 0
as $$
begin
    update pgq.subscription
       set sub_active = now(), sub_last_tick = sub_next_tick, sub_next_tick = null, sub_batch = null
     where sub_batch = x_batch_id;
    if not found then
        raise warning 'finish_batch: batch % not found', x_batch_id;
        return 0;
    end if;
    return 1;
end;
$$;

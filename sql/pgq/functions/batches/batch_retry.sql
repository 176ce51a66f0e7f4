-- ----------------------------------------------------------------------
-- Function: pgq.batch_retry(2)
--
--      Puts off all events of an open batch that were not yet; of several with one id see pgq.event_retry.
--
-- Parameters:
--      i_batch_id          - id of the batch
--      i_retry_seconds     - after how many seconds they shall come back
--
-- Returns:
--      number of events put off
--
-- Writes:
--      pgq.retry_queue
--
-- Called by:
--      users
-- ----------------------------------------------------------------------
create or replace function pgq.batch_retry(i_batch_id bigint, i_retry_seconds integer)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set jit = off
set max_parallel_workers_per_gather = 0
as $$
declare
    v_sub   pgq.subscription;
    v_count integer;
begin
    select * into v_sub from pgq.subscription where sub_batch = i_batch_id;
    if not found then
        raise exception 'batch_retry: batch % not found', i_batch_id;
    end if;
    execute 'insert into pgq.retry_queue (ev_retry_after, ev_queue, ev_id, ev_time, ev_owner, ev_retry,'
            ' ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4)'
            ' select $1, $2, pgq._retry_id($2, ev_id, row_number() over (partition by ev_id order by ev_time, ev_txid)),'
            ' ev_time, $3, coalesce(ev_retry, 0) + 1,'
            ' ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4'
            ' from (' || pgq.batch_event_sql(i_batch_id) || ') batch'
            ' where not exists (select 1 from pgq.retry_queue r where r.ev_owner = $3 and r.ev_id = batch.ev_id)'
            ' on conflict (ev_owner, ev_id) do nothing'
      using now() + i_retry_seconds * interval '1 second', v_sub.sub_queue, v_sub.sub_id;
    get diagnostics v_count = row_count;
    return v_count;
end;
$$;

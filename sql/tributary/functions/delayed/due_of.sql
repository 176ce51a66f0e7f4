-- ----------------------------------------------------------------------
-- Function: tributary.due_of(3)
--
--      From when an event of a central queue counts that had to wait for its time before it came into it.
--
-- Parameters:
--      x_queue     - central queue
--      x_xid       - transaction that put it into the queue
--      x_id        - its ev_id
--
-- Returns:
--      when it was due, or was made where that was later, to a hundredth of a second; null where it did not wait, or where that is
--      not known any more
--
-- Writes:
--      none
--
-- Called by:
--      tributary.lane_hold, tributary.lane_put_off
-- ----------------------------------------------------------------------
create or replace function tributary.due_of(x_queue text, x_xid bigint, x_id bigint)
returns timestamptz as $$
    select r.counts_from[width_bucket(x_id, r.ev_ids)]
    from tributary.delayed_run r where r.central_queue = x_queue and r.xid = x_xid and r.events > 0
$$ language sql stable set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.delayed_into(1)
--
--      The name of a queue that events came into which had to wait for their time, as far as that is known yet.
--
-- Parameters:
--      x_queue     - id of the queue
--
-- Returns:
--      the name; null where there were none
--
-- Writes:
--      none
--
-- Called by:
--      tributary.lane_hold, tributary.lane_put_off
-- ----------------------------------------------------------------------
create or replace function tributary.delayed_into(x_queue integer)
returns text as $$
    select q.queue_name from pgq.queue q
    where q.queue_id = x_queue
        and exists (select from tributary.delayed_run r where r.central_queue = q.queue_name and r.events > 0)
$$ language sql stable set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.batch_due(3)
--
--      From when those events of a batch count that had to wait for their time. It costs next to nothing where the queue has none.
--
-- Parameters:
--      x_queue     - central queue
--      x_from      - tick where it begins
--      x_end       - tick where it ends
--
-- Returns:
--      a list of [transaction, [ev_id, …], [milliseconds since 1970, …]]: each time stands for the events of that transaction from
--      that id on, up to the next; null: there are none
--
-- Writes:
--      none
--
-- Called by:
--      src/queue/coop.ts
-- ----------------------------------------------------------------------
-- Volatile: the statement that calls it may have begun before the ticks of the batch that it opens were made.
create or replace function tributary.batch_due(x_queue text, x_from bigint, x_end bigint)
returns json
language plpgsql
set search_path = pg_catalog, pg_temp set enable_seqscan = off set max_parallel_workers_per_gather = 0
as $$
declare
    v_from  txid_snapshot;
    v_end   txid_snapshot;
begin
    perform from tributary.delayed_run r where r.central_queue = x_queue and r.events > 0 limit 1;
    if not found then
        return null;
    end if;
    select f.tick_snapshot, e.tick_snapshot into v_from, v_end
    from pgq.queue q
    join pgq.tick f on f.tick_queue = q.queue_id and f.tick_id = x_from
    join pgq.tick e on e.tick_queue = q.queue_id and e.tick_id = x_end
    where q.queue_name = x_queue;
    return (
        select json_agg(json_build_array(r.xid, r.ev_ids,
            array(select (extract(epoch from u.since) * 1000)::bigint from unnest(r.counts_from) with ordinality u (since, n) order by u.n)))
        from tributary.delayed_run r
        where r.central_queue = x_queue and r.events > 0 and r.ev_ids is not null
            and r.xid >= txid_snapshot_xmin(v_from) and r.xid < txid_snapshot_xmax(v_end)
            and not txid_visible_in_snapshot(r.xid, v_from) and txid_visible_in_snapshot(r.xid, v_end));
end;
$$;

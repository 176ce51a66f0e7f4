-- ----------------------------------------------------------------------
-- Function: tributary.lag_rows(7)
--
--      Counts the events of a central queue that were not finished at one snapshot, and finished at another.
--
-- Parameters:
--      x_table     - parent of the queue's event tables
--      x_from      - after this snapshot
--      x_end       - up to this one; null: all that is committed
--      x_group     - sub_id whose retried events count, too
--      x_limit     - counts no further
--      x_where     - only those that it is true for; null: all
--      x_queue     - its name; null: no event of it had to wait for its time
--
-- Returns:
--      rows        - how many
--      oldest      - since when the oldest counts, of those that are not tried again: it was made then, or was due
--
-- Writes:
--      none
--
-- Called by:
--      tributary.lag_central
-- ----------------------------------------------------------------------
create or replace function tributary.lag_rows(
    x_table text, x_from txid_snapshot, x_end txid_snapshot, x_group integer, x_limit integer, x_where text default null,
    x_queue text default null,
    out rows bigint, out oldest timestamptz) as $$
declare
    -- In the order of the transactions, so that the oldest are among those that are counted.
    v_rows  constant text := format($sql$
            select * from (
                select e.ev_id, e.ev_time, e.ev_retry, e.ev_txid from %1$s e
                where e.ev_txid = any (array(select txid_snapshot_xip($1)))
                    and (e.ev_owner is null or e.ev_owner = $3) and ($2 is null or txid_visible_in_snapshot(e.ev_txid, $2)) and %2$s
                limit $4) open_then
            union all
            select * from (
                select e.ev_id, e.ev_time, e.ev_retry, e.ev_txid from %1$s e
                where e.ev_txid >= txid_snapshot_xmax($1)
                    and (e.ev_owner is null or e.ev_owner = $3) and ($2 is null or txid_visible_in_snapshot(e.ev_txid, $2)) and %2$s
                order by e.ev_txid limit $4) begun_since
            limit $4$sql$, x_table, coalesce(x_where, 'true'));
    -- As many as the events that are counted may be of.
    v_due   constant bigint[] := array(
        select r.xid from tributary.delayed_run r
        where r.central_queue = x_queue and r.events > 0 and r.xid >= txid_snapshot_xmin(x_from)
            and (x_end is null or r.xid < txid_snapshot_xmax(x_end))
        order by r.xid limit x_limit);
    v_since timestamptz;
begin
    execute format('select count(*), min(r.ev_time) filter (where r.ev_retry is null and r.ev_txid <> all ($5)) from (%s) r', v_rows)
    into rows, oldest using x_from, x_end, x_group, x_limit, v_due;
    if rows > 0 and cardinality(v_due) > 0 then
        execute format($sql$
            select min(t.since)
            from (
                select r.ev_txid, min(r.ev_id) as ev_id from (%s) r
                where r.ev_retry is null and r.ev_txid = any ($5) group by r.ev_txid) f
            join tributary.delayed_run u on u.central_queue = $6 and u.xid = f.ev_txid and u.events > 0
            cross join lateral unnest(u.counts_from[width_bucket(f.ev_id, u.ev_ids):]) t (since)
            $sql$, v_rows)
        into v_since using x_from, x_end, x_group, x_limit, v_due, x_queue;
        oldest := least(oldest, v_since);
    end if;
end;
$$ language plpgsql stable
   -- Event tables are never analysed; without these the planner would read a whole table to find that it holds nothing new.
   set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off
   -- An empty table that must not be read whole counts as so dear that helpers would be started for it.
   set max_parallel_workers_per_gather = 0;

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
    -- After this many transactions the rest is estimated from the ids alone.
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
        -- Rows of one transaction lie in the index as they lie in the table: about in the order in which they were written.
        -- `between`, because the planner drops an `order by` of what is equal to a constant, and with it the direction.
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
   set jit = off set max_parallel_workers_per_gather = 0;

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

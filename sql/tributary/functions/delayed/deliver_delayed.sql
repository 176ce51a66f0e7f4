-- ----------------------------------------------------------------------
-- Function: tributary.delayed_due(1)
--
--      Which queues have delayed events whose time has come, or need a run so that looking stays cheap. Writes nothing, takes no
--      lock and no transaction id, and looks at a few rows of indexes, however many events wait.
--
-- Parameters:
--      x_queues    - central queues
--
-- Returns:
--      names of queues
--
-- Writes:
--      none
--
-- Called by:
--      src/delays/delivery.ts
-- ----------------------------------------------------------------------
create or replace function tributary.delayed_due(x_queues text[])
returns setof text as $$
declare
    -- So many events came since the last run: what came late among them is looked for one by one.
    c_looked    constant integer := 5000;
    v_queue     text;
    v_last      bigint;
    r           record;
    v_is_due    boolean;
begin
    -- A queue without a sum has none: its row comes with the events.
    for v_queue in
        select distinct s.central_queue from tributary.delayed_sum s where s.central_queue = any (x_queues)
    loop
        select * into r from tributary.delayed_last_run(v_queue);
        select s.last_value into v_last from tributary.delayed_id s;
        if v_last - r.last_id >= c_looked and r.n > 0 then
            v_is_due := true;
        else
            execute format($sql$
                select exists (select from tributary.delayed d
                    where d.central_queue = $1 and d.due_at >= %1$L and d.due_at <= %2$L
                        and (d.due_at, d.id) > ($2, $3))
                $sql$, r.until_at, clock_timestamp())
            into v_is_due using v_queue, r.until_at, r.until_id;
            if not v_is_due and r.n > 0 and (v_last <> r.last_id or cardinality(r.open) > 0) then
                select exists (select from tributary.delayed_late(v_queue, r.until_at, r.until_id, r.snapshot)) into v_is_due;
            end if;
        end if;
        if v_is_due then
            return next v_queue;
        end if;
    end loop;
end;
$$ language plpgsql stable set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off
   set jit = off set max_parallel_workers_per_gather = 0 set datestyle = 'ISO';

-- ----------------------------------------------------------------------
-- Function: tributary.delayed_last_run(1)
--
--      The newest run of a queue; before the first one, one that has delivered nothing.
--
-- Parameters:
--      x_queue     - central queue
--
-- Returns:
--      one row; open: transactions that were open in its snapshot
--
-- Writes:
--      none
--
-- Called by:
--      tributary.delayed_due, tributary.deliver_delayed, tributary.delayed_waiting
-- ----------------------------------------------------------------------
create or replace function tributary.delayed_last_run(x_queue text)
returns table (n bigint, until_at timestamptz, until_id bigint, snapshot txid_snapshot, last_id bigint, open bigint[]) as $$
    select r.n, r.until_at, r.until_id, r.snapshot, r.last_id, array(select txid_snapshot_xip(r.snapshot))
    from (
        (select q.* from (select d.n, d.until_at, d.until_id, d.snapshot, d.last_id
            from tributary.delayed_run d where d.central_queue = x_queue order by d.n desc limit 1) q)
        union all
        select 0, '-infinity', 0, '1:1:', 0) r
    order by r.n desc limit 1
$$ language sql stable set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.delayed_late(4)
--
--      Events that were committed after a run, and were due when it ran.
--
-- Parameters:
--      x_queue                 - central queue
--      x_until_at, x_until_id  - up to where the run delivered
--      x_snapshot              - of the run
--
-- Returns:
--      rows of tributary.delayed
--
-- Writes:
--      none
--
-- Called by:
--      tributary.delayed_due, tributary.deliver_delayed, tributary.delayed_waiting
-- ----------------------------------------------------------------------
create or replace function tributary.delayed_late(
    x_queue text, x_until_at timestamptz, x_until_id bigint, x_snapshot txid_snapshot)
returns setof tributary.delayed as $$
    select d.* from tributary.delayed d
    where d.txid >= txid_snapshot_xmax(x_snapshot)
        and d.central_queue = x_queue and (d.due_at, d.id) <= (x_until_at, x_until_id)
    union all
    select d.* from tributary.delayed d
    where d.txid = any (array(select txid_snapshot_xip(x_snapshot)))
        and d.central_queue = x_queue and (d.due_at, d.id) <= (x_until_at, x_until_id)
$$ language sql stable set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off
   set jit = off set max_parallel_workers_per_gather = 0 set datestyle = 'ISO';

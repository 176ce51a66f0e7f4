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

-- ----------------------------------------------------------------------
-- Function: tributary.deliver_delayed(2)
--
--      Puts the delayed events of a queue whose time has come into it, in the order of their times, and notes up to where: one
--      transaction, so each goes in once. A time that was reached once stays reached: after central's clock was set back, what
--      comes with a time before goes in at once.
--
-- Parameters:
--      x_queue     - central queue
--      x_most      - most events; those that came late are not counted
--
-- Returns:
--      events      - how many went in; null where somebody else has the turn
--      is_more     - more of them are due
--      xid         - the transaction, which a tick has to cover once it has committed; null where none went in. The errors of
--                    tributary.begin_events
--
-- Writes:
--      the queue's current event table, tributary.delayed_run, tributary.delayed_sum
--
-- Called by:
--      src/delays/delivery.ts
-- ----------------------------------------------------------------------
create or replace function tributary.deliver_delayed(x_queue text, x_most integer)
returns table (events bigint, is_more boolean, xid bigint) as $$
declare
    r           record;
    v_now       timestamptz;
    v_until     record;
    v_last      bigint;
    v_snapshot  txid_snapshot;
begin
    perform from tributary.delayed_table t for no key update skip locked;
    if not found then
        is_more := true;
        return next;
        return;
    end if;
    xid := tributary.begin_events(x_queue);
    select * into r from tributary.delayed_last_run(x_queue);
    -- The id before the snapshot: whoever has a later one was still open then, or began after it.
    select s.last_value into v_last from tributary.delayed_id s;
    select txid_current_snapshot() into v_snapshot;
    v_now := greatest(clock_timestamp(), r.until_at);
    execute format($sql$
        select d.due_at, d.id from tributary.delayed d
        where d.central_queue = $1 and d.due_at >= %1$L and d.due_at <= %2$L and (d.due_at, d.id) > ($2, $3)
            and txid_visible_in_snapshot(d.txid, $4)
        order by d.due_at, d.id offset $5 - 1 limit 1
        $sql$, r.until_at, v_now)
    into v_until using x_queue, r.until_at, r.until_id, v_snapshot, x_most;
    is_more := v_until.id is not null;
    if not is_more then
        select v_now as due_at, 9223372036854775807::bigint as id into v_until;
    end if;
    execute format($sql$
        insert into %1$s (ev_time, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4)
        select e.ev_time, e.ev_type, e.ev_data, e.ev_extra1, e.ev_extra2, e.ev_extra3, e.ev_extra4
        from (
            select d.* from tributary.delayed d
            where d.central_queue = $1 and d.due_at >= %2$L and d.due_at <= %3$L
                and (d.due_at, d.id) > ($2, $3) and (d.due_at, d.id) <= ($5, $6)
                and txid_visible_in_snapshot(d.txid, $7)
            union all
            select d.* from tributary.delayed_late($1, $2, $3, $4) d
            where txid_visible_in_snapshot(d.txid, $7)) e
        order by e.due_at, e.id
        $sql$, pgq.current_event_table(x_queue), r.until_at, v_until.due_at)
    using x_queue, r.until_at, r.until_id, r.snapshot, v_until.due_at, v_until.id, v_snapshot;
    get diagnostics events = row_count;
    insert into tributary.delayed_run (central_queue, n, until_at, until_id, snapshot, last_id, events)
    values (x_queue, r.n + 1, v_until.due_at, v_until.id, v_snapshot, v_last, deliver_delayed.events);
    if events = 0 then
        xid := null;
    else
        insert into tributary.delayed_sum (central_queue, events) values (x_queue, -deliver_delayed.events);
    end if;
    return next;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off
   set jit = off set max_parallel_workers_per_gather = 0 set datestyle = 'ISO';

-- ----------------------------------------------------------------------
-- Function: tributary.tick_published(0)
--
--      Marks what was published up to now, where there is something behind the last mark. Those who tick take turns.
--
-- Parameters:
--      none
--
-- Returns:
--      whether there is a new tick
--
-- Writes:
--      tributary.published_tick; where the database was restored, all tables of what was published
--
-- Called by:
--      tributary.read_published, tributary.rotate_published
-- ----------------------------------------------------------------------
create or replace function tributary.tick_published()
returns boolean as $$
declare
    v_tick      bigint;
    v_snapshot  txid_snapshot;
    v_now       txid_snapshot;
begin
    select t.tick, t.snapshot into v_tick, v_snapshot from tributary.published_tick t order by t.tick desc limit 1;
    if not tributary.is_published_behind(v_snapshot) then
        return false;
    end if;
    perform 1 from tributary.published_table for no key update;
    -- Another one may have ticked meanwhile.
    select t.tick, t.snapshot into v_tick, v_snapshot from tributary.published_tick t order by t.tick desc limit 1;
    if not tributary.is_published_behind(v_snapshot) then
        return false;
    end if;
    v_now := txid_current_snapshot();
    insert into tributary.published_tick (tick, snapshot) values (v_tick + 1, v_now);
    -- Transactions are numbered anew, as after a restore into another server: nothing from before can be told apart.
    if txid_snapshot_xmax(v_now) < txid_snapshot_xmax(v_snapshot) then
        delete from tributary.published;
        update tributary.published_table set gone_tick = v_tick + 1;
    end if;
    return true;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.is_published_behind(1)
--
--      Whether something is committed that a snapshot does not see; also where the snapshot is from another server.
--
-- Parameters:
--      x_snapshot  - of a tick
--
-- Returns:
--      true or false
--
-- Writes:
--      none
--
-- Called by:
--      tributary.tick_published
-- ----------------------------------------------------------------------
create or replace function tributary.is_published_behind(x_snapshot txid_snapshot)
returns boolean as $$
    select exists (select 1 from tributary.published p where p.xid >= txid_snapshot_xmax(x_snapshot))
        or exists (select 1 from tributary.published p where p.xid = any (array(select txid_snapshot_xip(x_snapshot))))
        or txid_snapshot_xmax(txid_current_snapshot()) < txid_snapshot_xmax(x_snapshot)
$$ language sql volatile
   set search_path = pg_catalog, pg_temp set enable_seqscan = off set max_parallel_workers_per_gather = 0 set jit = off;

-- ----------------------------------------------------------------------
-- Function: tributary.read_published(3)
--
--      What was published behind a tick, in one order for all readers: tick by tick, and between two ticks by the number.
--
-- Parameters:
--      x_tick, x_at    - the tick up to which the reader has read, with its time in microseconds since 1970; both null: from the
--                        oldest that is still there
--      x_most          - ends with the tick that reaches this many messages
--
-- Returns:
--      a row per message, and behind those of a tick a row without an id, which says that they are complete; where nothing is
--      new, such a row of x_tick; a row without a tick where x_tick is not known or too old: begin anew
--
-- Writes:
--      tributary.published_tick
--
-- Called by:
--      src/channels/reader.ts
-- ----------------------------------------------------------------------
create or replace function tributary.read_published(x_tick bigint, x_at bigint, x_most integer)
returns table (tick bigint, tick_at bigint, id bigint, channel text, type text, data text, at timestamptz) as $$
declare
    v_from  txid_snapshot;
    v_tick  record;
    v_sum   bigint := 0;
    v_rows  bigint;
begin
    perform tributary.tick_published();
    select t.tick, (extract(epoch from t.at) * 1000000)::bigint, t.snapshot into tick, tick_at, v_from
    from tributary.published_tick t, tributary.published_table p
    where t.tick >= p.gone_tick and (x_tick is null or t.tick = x_tick)
    order by t.tick
    limit 1;
    if tick is null or tick_at <> x_at then
        tick := null;
        tick_at := null;
        return next;
        return;
    end if;
    return next;
    for v_tick in
        select t.tick, (extract(epoch from t.at) * 1000000)::bigint as at, t.snapshot
        from tributary.published_tick t
        where t.tick > read_published.tick
        order by t.tick
    loop
        return query
        select v_tick.tick, v_tick.at, p.id, p.channel, p.type, p.data, p.at
        from (select * from tributary.published n
              where n.xid >= txid_snapshot_xmax(v_from) and n.xid < txid_snapshot_xmax(v_tick.snapshot)
              union all
              select * from tributary.published l where l.xid = any (array(select txid_snapshot_xip(v_from)))) p
        where txid_visible_in_snapshot(p.xid, v_tick.snapshot)
        order by p.id;
        get diagnostics v_rows = row_count;
        tick := v_tick.tick;
        tick_at := v_tick.at;
        return next;
        v_from := v_tick.snapshot;
        v_sum := v_sum + v_rows;
        exit when v_sum >= x_most;
    end loop;
end;
$$ language plpgsql
   set search_path = pg_catalog, pg_temp set enable_seqscan = off set max_parallel_workers_per_gather = 0 set jit = off;

-- ----------------------------------------------------------------------
-- Function: tributary.rotate_published(1)
--
--      Empties the older of the two tables of what was published by TRUNCATE and makes it the current one, where all of it has
--      been there to read for long enough.
--
-- Parameters:
--      x_kept      - messages can be read for at least this long
--
-- Returns:
--      true where it switched; false where it is not due, or somebody uses the older table at this moment
--
-- Writes:
--      tributary.published_0, tributary.published_1, tributary.published_table, tributary.published_tick
--
-- Called by:
--      src/upkeep/central-upkeep.ts
-- ----------------------------------------------------------------------
create or replace function tributary.rotate_published(x_kept interval)
returns boolean as $$
declare
    v_current   integer;
    v_tick      bigint;
    v_snapshot  txid_snapshot;
    v_is_needed boolean;
begin
    perform tributary.tick_published();
    select t.current into v_current from tributary.published_table t where t.switched_at <= now() - x_kept;
    if not found or not exists (select 1 from tributary.published) then
        return false;
    end if;
    -- The newest tick that has been there for long enough.
    select t.tick, t.snapshot into v_tick, v_snapshot
    from tributary.published_tick t, tributary.published_table p
    where t.at <= now() - x_kept and t.tick >= p.gone_tick
    order by t.tick desc
    limit 1;
    if not found then
        return false;
    end if;
    begin
        lock table tributary.published_table in share row exclusive mode nowait;
        execute format('lock table tributary.published_%s in access exclusive mode nowait', 1 - v_current);
    exception when lock_not_available then
        return false;
    end;
    -- A transaction that was open for long has committed just now. What is a day old is from another server: nobody reads it.
    execute format('select exists (select 1 from tributary.published_%s p where p.at > now() - interval ''1 day''
        and (p.xid >= txid_snapshot_xmax($1) or p.xid = any (array(select txid_snapshot_xip($1)))))', 1 - v_current)
    into v_is_needed using v_snapshot;
    if v_is_needed then
        return false;
    end if;
    update tributary.published_table
    set current = 1 - current, switched_at = now(), gone_tick = greatest(gone_tick, v_tick)
    where current = v_current;
    if not found then
        return false;
    end if;
    execute format('truncate tributary.published_%s', 1 - v_current);
    delete from tributary.published_tick t where t.tick < v_tick;
    return true;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;

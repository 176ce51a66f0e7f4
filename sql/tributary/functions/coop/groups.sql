-- ----------------------------------------------------------------------
-- Function: tributary.group_of(2)
--
--      What is worked has one name everywhere: `orders` for the group without a name of queue orders, `orders/billing` for its
--      group billing. Finds the queue and the group that a name means; a queue whose own name has a slash is that queue.
--
-- Parameters:
--      x_name      - name of what is worked
--      x_group     - the installation's group without a name
--
-- Returns:
--      queue       - central queue
--      group_name  - the consumer that is the group: x_group, or `x_group/billing`
--      part        - `billing`; null: the group without a name
--
-- Writes:
--      none
--
-- Called by:
--      tributary.lag_central, tributary.lag_slow
-- ----------------------------------------------------------------------
create or replace function tributary.group_of(
    x_name text, x_group text, out queue text, out group_name text, out part text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    queue := x_name;
    group_name := x_group;
    if strpos(x_name, '/') = 0 then
        return;
    end if;
    perform 1 from pgq.queue q where q.queue_name = x_name;
    if found then
        return;
    end if;
    part := substring(x_name from '[^/]*$');
    queue := left(x_name, -1 - length(part));
    group_name := x_group || '/' || part;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.groups_of(1)
--
--      The groups of an installation that there are, also those that its file does not name any more.
--
-- Parameters:
--      x_group     - the installation's group without a name
--
-- Returns:
--      a row per queue and group
--      queue       - central queue
--      part        - name of the group; null: the one without a name
--      name        - of what is worked, as tributary.group_of takes it
--
-- Writes:
--      none
--
-- Called by:
--      src/central/groups.ts
-- ----------------------------------------------------------------------
create or replace function tributary.groups_of(x_group text)
returns table (queue text, part text, name text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select q.queue_name, g.part, q.queue_name || coalesce('/' || g.part, '')
    from pgq.consumer c
    cross join lateral (select nullif(substr(c.co_name, length(x_group) + 2), '') as part) g
    join pgq.subscription s on s.sub_consumer = c.co_id
    join pgq.queue q on q.queue_id = s.sub_queue
    -- A member's name goes on with a dot.
    where c.co_name = x_group or starts_with(c.co_name, x_group || '/') and strpos(g.part, '.') = 0
    order by q.queue_name, g.part nulls first
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.begin_group(4)
--
--      Registers a group of a queue at the tick behind which its first event comes; one that is there already stays where it is.
--
--      No tick is made or deleted meanwhile, so that nothing before or behind the tick is taken for the other.
--
-- Parameters:
--      x_queue     - central queue
--      x_group     - the group, as a consumer
--      x_at        - oldest: all that rotation has left; now: what is committed from this moment on; time: what was
--                    committed after x_time, and perhaps some before it
--      x_time      - for time; one to come counts as now, and one before the oldest tick as oldest
--
-- Returns:
--      the tick
--
-- Writes:
--      pgq.tick, pgq.consumer, pgq.subscription
--
-- Called by:
--      src/install/plan/central-queues.ts
-- ----------------------------------------------------------------------
create or replace function tributary.begin_group(x_queue text, x_group text, x_at text, x_time timestamptz)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    q       record;
    v_at    text := case when x_at = 'time' and x_time > clock_timestamp() then 'now' else x_at end;
    v_tick  bigint;
begin
    select k.queue_id, k.queue_event_seq, k.queue_external_ticker or k.queue_ticker_paused as not_ours into q
    from pgq.queue k where k.queue_name = x_queue for no key update;
    if not found then
        raise exception using errcode = 'undefined_object', message = format(
            'Queue %s does not exist: create it with `tributary install`.', coalesce(x_queue, 'NULL'));
    end if;
    select s.sub_last_tick into v_tick
    from pgq.subscription s join pgq.consumer c on c.co_id = s.sub_consumer
    where s.sub_queue = q.queue_id and c.co_name = x_group;
    if found then
        return v_tick;
    end if;
    if v_at = 'now' then
        if not q.not_ours then
            -- The ticker makes none where no event came since the last one.
            perform nextval(q.queue_event_seq);
            v_tick := pgq.ticker(x_queue);
        end if;
        v_tick := coalesce(v_tick, (select max(t.tick_id) from pgq.tick t where t.tick_queue = q.queue_id));
    elsif v_at = 'time' then
        -- The one before the first that is younger: where the clock was set back, older ones may come behind that.
        select max(t.tick_id) into v_tick
        from pgq.tick t
        where t.tick_queue = q.queue_id and t.tick_id < coalesce(
            (select min(y.tick_id) from pgq.tick y where y.tick_queue = q.queue_id and y.tick_time > x_time),
            9223372036854775807);
    end if;
    v_tick := coalesce(v_tick, (select min(t.tick_id) from pgq.tick t where t.tick_queue = q.queue_id));
    perform pgq.register_consumer_at(x_queue, x_group, v_tick);
    return v_tick;
end;
$$;

revoke all on function tributary.begin_group(text, text, text, timestamptz) from public;
do $$
begin
    if to_regrole('pgq_admin') is not null then
        grant execute on function tributary.begin_group(text, text, text, timestamptz) to pgq_admin;
    end if;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.lane_list(1)
--
--      The lanes of an installation's groups: which worker has each, and what waits in it.
--
-- Parameters:
--      x_group     - the installation's group without a name
--
-- Returns:
--      a row per lane
--      queue, part - central queue, and name of its group, null: the one without a name
--      lane        - its number
--      member, host    - worker that has a batch of it, and where that runs; null: none, or not known
--      waiting     - events that are not handled, those of the open batch and of keys that wait included; about 10 000 are counted
--      seconds_behind  - age of the oldest of them, as `lag` has it: without those of keys that are paused
--      paused_keys - keys that wait for an event that failed
--      limited_keys    - keys that wait for their turn or for their rate
--
-- Writes:
--      none
--
-- Called by:
--      src/central/logbook/lanes.ts
-- ----------------------------------------------------------------------
create or replace function tributary.lane_list(x_group text)
returns table (
    queue text, part text, lane integer, member text, host text, waiting bigint, seconds_behind double precision,
    paused_keys bigint, limited_keys bigint)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    c_counted   constant integer := 10000;
    l           record;
    v_oldest    timestamptz;
    v_found     record;
begin
    for l in
        select g.queue as queue_name, g.part as part_name, n.lane as number, n.position, n.batch, q.queue_id, q.queue_data_pfx,
            n.sub_id, n.buckets, c.co_name, tributary.lane_filter(o.key, quote_literal(n.buckets) || '::integer[]') as own,
            p.tick_time, p.tick_snapshot as upto, f.tick_time as from_time, f.tick_snapshot as from_snapshot, h.co_name as holder
        from tributary.groups_of(x_group) g
        join pgq.queue q on q.queue_name = g.queue
        join pgq.consumer c on c.co_name = x_group || coalesce('/' || g.part, '')
        join pgq.subscription m on m.sub_queue = q.queue_id and m.sub_consumer = c.co_id
        join tributary.lane_set o on o.queue_id = q.queue_id and o.sub_id = m.sub_id
        join tributary.lane n on n.queue_id = o.queue_id and n.sub_id = o.sub_id
        left join pgq.tick p on p.tick_queue = n.queue_id and p.tick_id = n.position
        left join pgq.subscription b on b.sub_batch = n.batch
        left join pgq.consumer h on h.co_id = b.sub_consumer
        left join pgq.tick f on f.tick_queue = b.sub_queue and f.tick_id = b.sub_last_tick
        order by g.queue, g.part nulls first, n.lane
    loop
        queue := l.queue_name;
        part := l.part_name;
        lane := l.number;
        member := tributary.coop_member_of(l.co_name, l.holder);
        host := (select e.host from tributary.lease e where e.resource = 'slot:' || member);
        select count(*) filter (where k.waits_for = 'retry'), count(*) filter (where k.waits_for <> 'retry'),
            min((select coalesce(w.counts_from, w.ev_time) from tributary.lane_waiting w
                 where w.queue_id = k.queue_id and w.sub_id = k.sub_id and w.hash = k.hash and w.ev_id >= tributary.waits_from(k)
                 order by w.ev_id limit 1)) filter (where k.waits_for <> 'retry')
        into paused_keys, limited_keys, v_oldest
        from tributary.paused_key k
        where k.queue_id = l.queue_id and k.sub_id = l.sub_id and k.bucket = any (l.buckets);
        select count(*) into waiting from (
            select from tributary.paused_key k
            join tributary.lane_waiting w on w.queue_id = k.queue_id and w.sub_id = k.sub_id and w.hash = k.hash
            where k.queue_id = l.queue_id and k.sub_id = l.sub_id and k.bucket = any (l.buckets)
            limit c_counted) w;
        -- From the position on, and those of the open batch that do not wait.
        for v_found in
            select r.rows, coalesce(r.oldest, s.at) as oldest
            from (values (l.upto, null::txid_snapshot, l.own, l.tick_time),
                         (l.from_snapshot, l.upto, l.own || format(
                            ' and not exists (select from tributary.lane_waiting w where w.queue_id = %s and w.sub_id = %s and w.ev_id = e.ev_id)',
                            l.queue_id, l.sub_id), l.from_time)) s (began, ended, own, at)
            cross join lateral tributary.lag_rows(
                l.queue_data_pfx, s.began, s.ended, l.sub_id, c_counted, s.own, l.queue_name) r
            where s.began is not null and r.rows > 0
        loop
            waiting := waiting + v_found.rows;
            v_oldest := least(v_oldest, v_found.oldest);
        end loop;
        seconds_behind := case when v_oldest is not null then greatest(extract(epoch from clock_timestamp() - v_oldest), 0) end;
        return next;
    end loop;
end;
$$;

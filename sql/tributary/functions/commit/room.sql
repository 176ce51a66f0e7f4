-- ----------------------------------------------------------------------
-- Function: tributary.room(2)
--
--      What a mover has to know of central queues with a limit, to fill them and to leave the other movers their part: how much
--      they hold, how far their workers have come, and what the shards of the other movers have for them. Of a source
--      with routes all that waits counts for each of its queues.
--
-- Parameters:
--      x_queues    - central queues
--      x_member    - the mover's member id
--
-- Returns:
--      a row per queue that exists
--
-- Writes:
--      none
--
-- Called by:
--      src/central/queue-backlog.ts
-- ----------------------------------------------------------------------
create or replace function tributary.room(x_queues text[], x_member uuid)
returns table (queue text, bytes bigint, waiting bigint, handled bigint, others double precision[]) as $$
    with wanted as (
        select s.central_queue, s.routes, s.shard, l.events_behind
        from tributary.source_lag l
        join tributary.source s on s.id = l.source
        join tributary.mover_report r on r.member = l.member
        where l.events_behind > 0 and l.state = 'moving' and l.member <> x_member and s.state = 'active'
            and s.paused_at is null and r.at > now() - interval '5 seconds'
    )
    select h.queue, h.bytes, h.waiting, pgq.seq_getval(q.queue_event_seq) - h.waiting,
        array(
            select sum(w.events_behind)::double precision from wanted w
            where w.central_queue = h.queue or h.queue = any (w.routes)
            group by w.shard)
    from tributary.held(x_queues) h
    join pgq.queue q on q.queue_name = h.queue
$$ language sql stable set search_path = pg_catalog, pg_temp;

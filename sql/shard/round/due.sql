-- A round of one shard, first part: which queues are due for a tick, each under its lock. The round is one message of two
-- transactions in READ COMMITTED: this and tick.sql; see.sql, and where asked covered.sql and read.sql.
-- :request is a json array of {k, id, queue, tick_id, ticks, tick, uncovered, read}, or a parameter that holds it; :schema is the schema
-- of PgQ; :uncovered an expression over q, l and r that tells whether a committed event is in no tick yet (null: not asked).
-- Behind a pooler each part is planned anew each time: so they are kept simple, and the mover decides what can be decided from
-- the ticks. The lock comes before the ticker and in a statement of its own: two tickers at once write ticks out of order.
select set_config('tributary.due', coalesce(jsonb_agg(d)::text, '[]'), true)
from (
    select d.queue_name, d.queue_event_seq, d.nudge
    from (
        select q.queue_name, q.queue_id, q.queue_event_seq,
            coalesce(pg_sequence_last_value(q.queue_event_seq::regclass), 0) <= l.tick_event_seq as nudge,
            coalesce(:uncovered, false) as uncovered
        from jsonb_to_recordset(:request::jsonb) as r (queue text, tick boolean, uncovered boolean)
        join :schema.queue q on q.queue_name = r.queue
        cross join lateral (
            select t.tick_time, t.tick_event_seq, t.tick_snapshot from :schema.tick t
            where t.tick_queue = q.queue_id order by t.tick_id desc limit 1) l
        where r.tick and not q.queue_external_ticker and not q.queue_ticker_paused
          -- A tick made before the clock was set back is no reason to wait for it.
          and l.tick_time not between now() - interval '20 ms' and now()
          -- After a tick with ids from the future PgQ's ticker raises an error; see.sql reports such a tick.
          and split_part(l.tick_snapshot::text, ':', 2)::bigint <= (select pg_snapshot_xmax(pg_current_snapshot())::text::bigint)
        order by q.queue_name
        offset 0) d
    cross join lateral (
        select from :schema.queue k where k.queue_id = d.queue_id and (not d.nudge or d.uncovered)
        for no key update skip locked) k) d;

-- A round of one shard, one message: settings; which queues are due, each under its lock; tick them; see.
-- :request is a json array of {k, queue, tick_id, ticks, tick}, :schema the schema of PgQ, :uncovered an expression over r
-- and l that tells whether a committed event is in no tick yet (null: not asked). Planned anew each time, for poolers know
-- no named statements: so it is kept simple, and what can be decided from the ticks is decided by who asks.
begin isolation level read committed;
select set_config('statement_timeout', '15s', true), set_config('lock_timeout', '1s', true), set_config('jit', 'off', true),
    set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true);
-- The lock comes before the ticker and in a statement of its own: two tickers at once write ticks out of order.
select set_config('tributary.due', coalesce(jsonb_agg(d)::text, '[]'), true)
from (
    select d.queue_name, d.queue_event_seq, d.nudge
    from (
        select q.queue_name, q.queue_id, q.queue_event_seq,
            coalesce(pg_sequence_last_value(q.queue_event_seq::regclass), 0) <= l.tick_event_seq as nudge,
            coalesce(:uncovered, false) as uncovered
        from jsonb_to_recordset(:request::jsonb) as r (k integer, queue text, tick boolean)
        join :schema.queue q on q.queue_name = r.queue
        cross join lateral (
            select t.tick_time, t.tick_event_seq, t.tick_snapshot from :schema.tick t
            where t.tick_queue = q.queue_id order by t.tick_id desc limit 1) l
        where r.tick and not q.queue_external_ticker and not q.queue_ticker_paused
          and l.tick_time <= now() - interval '20 ms'
        order by q.queue_name
        offset 0) d
    where case when not d.nudge or d.uncovered then pg_try_advisory_xact_lock(1414678850, d.queue_id) else false end) d;
select d.queue_name as queue,
    :schema.ticker(case when d.nudge and nextval(d.queue_event_seq::regclass) is null then null else d.queue_name end) as tick_id
from jsonb_to_recordset(current_setting('tributary.due')::jsonb) as d (queue_name text, queue_event_seq text, nudge boolean);
select r.k, (extract(epoch from clock_timestamp()) * 1000000)::bigint as now_us,
    q.queue_external_ticker as external, q.queue_ticker_paused as ticker_paused,
    coalesce(pg_sequence_last_value(q.queue_event_seq::regclass), 0) as last_seq, l.*
from jsonb_to_recordset(:request::jsonb) as r (k integer, queue text, tick_id bigint, ticks integer)
join :schema.queue q on q.queue_name = r.queue
left join lateral (
    select t.tick_id, (extract(epoch from t.tick_time) * 1000000)::bigint as time_us, t.tick_event_seq as event_seq,
        t.tick_snapshot::text as snapshot
    from :schema.tick t where t.tick_queue = q.queue_id and t.tick_id >= r.tick_id
    order by t.tick_id limit r.ticks) l on true
order by r.k, l.tick_id;
:covered
commit

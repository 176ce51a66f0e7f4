-- A round of one shard, one message: settings; which queues are due, each under its lock; tick them; see.
-- :request is a json array of {k, queue, tick_id, end_tick_id, limit, tick}, :schema the schema of PgQ,
-- :uncovered an expression over r, q and l that tells whether a committed event is in no tick yet (null: not asked).
begin isolation level read committed;
select set_config('tributary.request', :request, true), set_config('statement_timeout', '15s', true),
    set_config('lock_timeout', '1s', true), set_config('jit', 'off', true), set_config('enable_seqscan', 'off', true),
    set_config('enable_bitmapscan', 'off', true);
-- The lock comes before the ticker and in a statement of its own: two tickers at once write ticks out of order.
select set_config('tributary.due', coalesce(jsonb_agg(d)::text, '[]'), true)
from (
    select d.queue_name, d.queue_event_seq, d.nudge
    from (
        select q.queue_name, q.queue_id, q.queue_event_seq,
            coalesce(pg_sequence_last_value(q.queue_event_seq::regclass), 0) > l.tick_event_seq as counted,
            coalesce(:uncovered, false) as uncovered,
            coalesce(pg_sequence_last_value(q.queue_event_seq::regclass), 0) <= l.tick_event_seq as nudge
        from jsonb_to_recordset(current_setting('tributary.request')::jsonb)
                as r (k integer, queue text, tick boolean)
        join :schema.queue q on q.queue_name = r.queue
        cross join lateral (
            select t.tick_time, t.tick_event_seq, t.tick_snapshot from :schema.tick t
            where t.tick_queue = q.queue_id order by t.tick_id desc limit 1) l
        where r.tick and not q.queue_external_ticker and not q.queue_ticker_paused
          and l.tick_time <= now() - interval '20 ms'
        order by q.queue_name
        offset 0) d
    where case when d.counted or d.uncovered then pg_try_advisory_xact_lock(1414678850, d.queue_id) else false end) d;
select d.queue_name as queue, :schema.ticker(case when d.nudge and nextval(d.queue_event_seq::regclass) is null then null else d.queue_name end) as tick_id
from jsonb_to_recordset(current_setting('tributary.due')::jsonb) as d (queue_name text, queue_event_seq text, nudge boolean);
select r.k, q.queue_id, (extract(epoch from clock_timestamp()) * 1000000)::bigint as now_us,
    q.queue_external_ticker as external, q.queue_ticker_paused as ticker_paused,
    coalesce(pg_sequence_last_value(q.queue_event_seq::regclass), 0) as last_seq,
    (extract(epoch from s.tick_time) * 1000000)::bigint as start_time_us, s.tick_event_seq as start_seq,
    s.tick_id as start_id, md5(s.tick_snapshot::text) as start_md5, case when c.tick_id is not null then s.tick_snapshot::text end as start_snapshot,
    l.tick_id as newest_id, (extract(epoch from l.tick_time) * 1000000)::bigint as newest_time_us, l.tick_event_seq as newest_seq,
    txid_snapshot_xmin(l.tick_snapshot) < txid_snapshot_xmax(l.tick_snapshot) as newest_open,
    c.tick_id as end_id, (extract(epoch from c.tick_time) * 1000000)::bigint as end_time_us, c.tick_event_seq as end_seq,
    md5(c.tick_snapshot::text) as end_md5, c.tick_snapshot::text as end_snapshot,
    (extract(epoch from f.tick_time) * 1000000)::bigint as oldest_us,
    :uncovered as uncovered
from jsonb_to_recordset(current_setting('tributary.request')::jsonb)
        as r (k integer, queue text, tick_id bigint, end_tick_id bigint, "limit" bigint)
join :schema.queue q on q.queue_name = r.queue
left join :schema.tick s on s.tick_queue = q.queue_id and s.tick_id = r.tick_id
left join lateral (
    select t.* from :schema.tick t where t.tick_queue = q.queue_id order by t.tick_id desc limit 1) l on true
left join lateral (
    select t.tick_time from :schema.tick t
    where t.tick_queue = q.queue_id and t.tick_id > r.tick_id order by t.tick_id limit 1) f on true
left join lateral (
    select w.* from (
        -- Inside a window: its own end. Else the newest usable tick within the limit, else the first usable one.
        (select t.*, 0 as choice from :schema.tick t where t.tick_queue = q.queue_id and t.tick_id = r.end_tick_id)
        union all
        (select t.*, 1 from :schema.tick t
         where r.end_tick_id is null and t.tick_queue = q.queue_id and t.tick_id > s.tick_id and t.tick_id <= s.tick_id + 2000
           and t.tick_event_seq <= s.tick_event_seq + r."limit"
           and txid_snapshot_xmax(t.tick_snapshot) >= txid_snapshot_xmax(s.tick_snapshot)
           and not exists (select from txid_snapshot_xip(t.tick_snapshot) x where txid_visible_in_snapshot(x, s.tick_snapshot))
         order by t.tick_id desc limit 1)
        union all
        (select t.*, 2 from :schema.tick t
         where r.end_tick_id is null and t.tick_queue = q.queue_id and t.tick_id > s.tick_id
           and txid_snapshot_xmax(t.tick_snapshot) >= txid_snapshot_xmax(s.tick_snapshot)
           and not exists (select from txid_snapshot_xip(t.tick_snapshot) x where txid_visible_in_snapshot(x, s.tick_snapshot))
         order by t.tick_id limit 1)) w
    order by w.choice limit 1) c on true
order by r.k;
commit

-- The ticks that one queue has now: the oldest, the newest, and those asked for; for repair.
-- :queue is the queue's name as a literal, :ids an array of tick ids as a literal, :schema the schema of PgQ.
select t.tick_id, (extract(epoch from t.tick_time) * 1000000)::bigint as time_us, t.tick_event_seq as event_seq,
    t.tick_snapshot::text as snapshot
from :schema.queue q
join :schema.tick t on t.tick_queue = q.queue_id
where q.queue_name = :queue
  and (t.tick_id = any (:ids::bigint[])
       or t.tick_id in (
           select min(x.tick_id) from :schema.tick x where x.tick_queue = q.queue_id
           union all
           select max(x.tick_id) from :schema.tick x where x.tick_queue = q.queue_id))
order by t.tick_id

-- A round, fourth part, where asked: whether after the ticks any committed event is still in none.
select r.k, :uncovered as uncovered
from jsonb_to_recordset(:request::jsonb) as r (k integer, queue text)
join :schema.queue q on q.queue_name = r.queue
cross join lateral (
    select t.tick_snapshot from :schema.tick t where t.tick_queue = q.queue_id order by t.tick_id desc limit 1) l;

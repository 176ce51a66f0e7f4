-- What one shard's queues are called inside: asked once per connection and after each failure.
-- :request is a json array of queue names, :schema the schema of PgQ.
select q.queue_name, q.queue_id, q.queue_data_pfx, q.queue_event_seq
from :schema.queue q
where q.queue_name in (select jsonb_array_elements_text(:request::jsonb))
order by q.queue_name;

-- A look before a round: whether any queue has new numbers or another newest tick. Prepared, on a direct connection only; a queue
-- that is gone has no row. :ids are the queues.
select q.queue_id as id, coalesce(pg_sequence_last_value(q.queue_event_seq::regclass), 0) as last_seq,
    (select t.tick_id from :schema.tick t where t.tick_queue = q.queue_id order by t.tick_id desc limit 1) as tick_id
from :schema.queue q where q.queue_id in (:ids);

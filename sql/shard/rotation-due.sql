-- Which of our queues should rotate now, whether a second step is missing, and whether retries are due; writes nothing.
-- Nothing is due where a tick is ahead of the server's transaction ids, as after a restore: rotation would take new events for
-- old ones, and retries would be inserted behind the consumers.
-- :request is a json array of queue names, :schema the schema of PgQ, :missing_xids an expression for how
-- many ids are missing, :snapshot_type one for the type of its snapshots.
select coalesce(jsonb_agg(q.queue_name order by q.queue_name) filter (
           where q.queue_rotation_period is not null and q.queue_switch_step2 is not null
             and q.queue_switch_time + q.queue_rotation_period < now()), '[]') as due,
    (select count(*) from :schema.queue where queue_switch_step2 is null) > 0 as is_half_done,
    exists (select from :schema.retry_queue where ev_retry_after <= now()) as has_retries,
    :missing_xids as missing_xids,
    :snapshot_type as snapshot_type
from :schema.queue q
where q.queue_name in (select jsonb_array_elements_text(:request::jsonb))

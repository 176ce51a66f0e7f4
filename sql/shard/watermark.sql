-- Moves our registrations forward to the positions, `keep_s` behind them, so that the shard may rotate away what central has.
-- :request is a json array of {queue, tick_id, keep_s}, :consumer our name there, :schema the schema of PgQ; :registers says whether one
-- that is missing is made, or only told.
select r.queue, target.tick_id, s.sub_last_tick is null as is_new,
    case when :registers or s.sub_last_tick is not null
        then :schema.register_consumer_at(r.queue, :consumer, target.tick_id) end as registered
from jsonb_to_recordset(:request::jsonb) as r (queue text, tick_id bigint, keep_s double precision)
join :schema.queue q on q.queue_name = r.queue
left join :schema.consumer c on c.co_name = :consumer
left join :schema.subscription s on s.sub_queue = q.queue_id and s.sub_consumer = c.co_id
cross join lateral (
    select t.tick_id from :schema.tick t
    where t.tick_queue = q.queue_id and t.tick_id <= r.tick_id
      and (r.keep_s = 0 or t.tick_time <= now() - make_interval(secs => r.keep_s))
    order by t.tick_id desc limit 1) target
where s.sub_last_tick is null or s.sub_last_tick < target.tick_id
order by r.queue

-- A round, second part: ticks what is due. The sequence of a queue that has not moved since its last tick is moved by one first.
select d.queue_name as queue,
    :schema.ticker(case when d.nudge and nextval(d.queue_event_seq::regclass) is null then null else d.queue_name end) as tick_id
from jsonb_to_recordset(current_setting('tributary.due')::jsonb) as d (queue_name text, queue_event_seq text, nudge boolean);

-- The ids, event tables and sequences of one shard's queues, and its kind of PgQ: asked once per connection and after each failure.
-- :request is a json array of queue names, :schema the schema of PgQ, :snapshot_type an expression for the type of its snapshots.
select q.queue_name, q.queue_id, q.queue_data_pfx, q.queue_event_seq,
    case
        when ':schema' = 'pgque' then 'pgque'
        when exists (select from pg_extension e where e.extname = 'pgq') then 'extension'
        when (select p.prosrc from pg_proc p where p.oid = to_regprocedure(':schema.version()')) like '%tributary%' then 'engine'
        else 'plain'
    end as provider,
    :snapshot_type as snapshot_type
from :schema.queue q
where q.queue_name in (select jsonb_array_elements_text(:request::jsonb))
order by q.queue_name;

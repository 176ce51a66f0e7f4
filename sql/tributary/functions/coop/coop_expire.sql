-- ----------------------------------------------------------------------
-- Function: tributary.coop_open_batches(2)
--
--      The batches that members of a group have open, with their last sign of life, for pools that watch whether it changes.
--      Orphans, which any member takes, are left out.
--
-- Parameters:
--      queues      - central queues
--      group_name  - group
--
-- Returns:
--      batch_id    - token
--      active      - last sign of life, as a text that coop_expire takes back
--
-- Writes:
--      none
--
-- Called by:
--      src/queue/coop.ts
-- ----------------------------------------------------------------------
create or replace function tributary.coop_open_batches(queues text[], group_name text, out batch_id bigint, out active text)
returns setof record
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select s.sub_batch, s.sub_active::text
    from pgq.queue q
    join pgq.consumer g on g.co_name = coop_open_batches.group_name
    join pgq.subscription m on m.sub_queue = q.queue_id and m.sub_consumer = g.co_id
    join pgq.subscription s on s.sub_queue = q.queue_id and s.sub_id = m.sub_id and s.sub_consumer <> m.sub_consumer
    where q.queue_name = any (queues) and s.sub_batch is not null and s.sub_active > to_timestamp(0)
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.coop_expire(2)
--
--      Makes a batch an orphan, which any member takes with its next call, because its member gave no sign of life. The caller
--      has watched it for long enough by its own clock; central's clock decides nothing here.
--
-- Parameters:
--      batch_id    - token
--      active      - the last sign of life that was seen, from tributary.coop_open_batches
--
-- Returns:
--      true - an orphan now; false - the member gave a sign of life since, or the batch is being finished
--
-- Writes:
--      pgq.subscription
--
-- Called by:
--      src/queue/coop.ts
-- ----------------------------------------------------------------------
create or replace function tributary.coop_expire(batch_id bigint, active text)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform 1 from pgq.subscription where sub_batch = batch_id for update skip locked;
    if not found then
        return false;
    end if;
    update pgq.subscription set sub_active = to_timestamp(0)
    where sub_batch = batch_id and sub_active > to_timestamp(0) and sub_active::text = active;
    return found;
end;
$$;

revoke all on function tributary.coop_expire(bigint, text) from public;
do $$
begin
    if to_regrole('pgq_reader') is not null then
        grant execute on function tributary.coop_expire(bigint, text) to pgq_reader;
    end if;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.coop_touch(1)
--
--      A heartbeat: the member is alive and at work on the batch.
--
-- Parameters:
--      batch_id    - token
--
-- Returns:
--      true - the batch is still the caller's; false - it was taken over or finished
--
-- Writes:
--      pgq.subscription
--
-- Called by:
--      src/queue/coop.ts
-- ----------------------------------------------------------------------
create or replace function tributary.coop_touch(batch_id bigint)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    -- A locked row is skipped: it is being finished, or taken over, which the next touch will see.
    perform 1 from pgq.subscription where sub_batch = batch_id for update skip locked;
    if not found then
        return exists (select from pgq.subscription where sub_batch = batch_id);
    end if;
    -- An orphan stays an orphan.
    update pgq.subscription set sub_active = clock_timestamp()
    where sub_batch = batch_id and sub_active > to_timestamp(0);
    return true;
end;
$$;

revoke all on function tributary.coop_touch(bigint) from public;
do $$
begin
    if to_regrole('pgq_reader') is not null then
        grant execute on function tributary.coop_touch(bigint) to pgq_reader;
    end if;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.coop_hold(1)
--
--      Ties the current transaction to a batch: a member that takes the batch over ends this backend, so that a frozen
--      process keeps no locks. The tie is a transaction-level advisory lock on the token, hence safe behind a pooler.
--
-- Parameters:
--      batch_id    - token
--
-- Returns:
--      true - the batch is still the caller's; false - it was taken over or finished
--
-- Writes:
--      none
--
-- Called by:
--      src/queue/coop.ts
-- ----------------------------------------------------------------------
create or replace function tributary.coop_hold(batch_id bigint)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Never waits: any role may hold an advisory lock, and without the tie the token still decides.
    perform pg_try_advisory_xact_lock_shared(batch_id);
    return exists (select from pgq.subscription where sub_batch = batch_id);
end;
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.coop_end_holder(1)
--
--      Ends the backends whose transaction is tied to a token. Small ids, which PgQ itself gives, are never tied: a lock on one
--      of them belongs to an application. Backends that the owner of this function may not end stay; their finish is refused
--      all the same.
--
-- Parameters:
--      batch_id    - a token that is no longer valid
--
-- Returns:
--      how many backends were ended
--
-- Writes:
--      none
--
-- Called by:
--      tributary.coop_next_batch
-- ----------------------------------------------------------------------
create or replace function tributary.coop_end_holder(batch_id bigint)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_pid   integer;
    v_ended integer := 0;
begin
    for v_pid in
        select l.pid from pg_locks l
        where batch_id >= 1000000000000000 and l.locktype = 'advisory' and l.granted and l.objsubid = 1
            and l.database = (select d.oid from pg_database d where d.datname = current_database())
            and l.classid::bigint = batch_id >> 32 and l.objid::bigint = batch_id & 4294967295
            and l.pid <> pg_backend_pid()
    loop
        begin
            v_ended := v_ended + pg_terminate_backend(v_pid)::integer;
        exception when insufficient_privilege then
            null;
        end;
    end loop;
    return v_ended;
end;
$$;

revoke all on function tributary.coop_end_holder(bigint) from public;

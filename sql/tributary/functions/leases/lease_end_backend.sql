-- ----------------------------------------------------------------------
-- Function: tributary.end_backend(2)
--
--      Ends one backend, if it is still the same one. With the rights of the caller: its own role's, or pg_signal_backend.
--
-- Parameters:
--      pid             - of the backend
--      backend_start   - when it began, which tells it from a later one with the same pid
--
-- Returns:
--      true - it was asked to end
--
-- Writes:
--      none
--
-- Called by:
--      tributary.end_member, src/coordination/lease-queries.ts
-- ----------------------------------------------------------------------
create or replace function tributary.end_backend(pid integer, backend_start timestamptz)
returns boolean
language sql
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(bool_or(pg_terminate_backend(a.pid)), false)
    from pg_stat_activity a
    where a.pid = end_backend.pid and a.backend_start = end_backend.backend_start and a.pid <> pg_backend_pid()
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.member_key(1)
--
--      The key of the advisory lock that ties backends to a member. The number, TRIB in ASCII, makes it differ from the keys of
--      other programs that hash the same text. Simple enough for the planner to inline it.
--
-- Parameters:
--      member  - id
--
-- Returns:
--      the key
--
-- Writes:
--      none
--
-- Called by:
--      tributary.member_hold, tributary.end_member
-- ----------------------------------------------------------------------
create or replace function tributary.member_key(member uuid)
returns bigint
language sql immutable
as $$
    select pg_catalog.hashtextextended(member::text, 1414678850)
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.member_hold(1)
--
--      Ties the current transaction to a member: a member that takes over one of its leases ends this backend, so that a
--      process frozen in its COPY does not hold up others. The tie is a transaction-level advisory lock, hence safe behind a pooler.
--
-- Parameters:
--      member  - id
--
-- Returns:
--      nothing
--
-- Writes:
--      none
--
-- Called by:
--      src/coordination/lease-queries.ts
-- ----------------------------------------------------------------------
create or replace function tributary.member_hold(member uuid)
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
    -- Never waits: any role may hold an advisory lock, and without the tie positions still decide.
    select pg_try_advisory_xact_lock_shared(tributary.member_key(member))
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.end_member(3)
--
--      Ends the backends of a member whose lease was taken over: those tied to it, and the one over which it sent its beats.
--
-- Parameters:
--      member          - id
--      backend_pid     - of its beats
--      backend_start   - of its beats
--
-- Returns:
--      how many backends were ended
--
-- Writes:
--      none
--
-- Called by:
--      src/coordination/lease-queries.ts
-- ----------------------------------------------------------------------
create or replace function tributary.end_member(member uuid, backend_pid integer, backend_start timestamptz)
returns integer
language sql
set search_path = pg_catalog, pg_temp
as $$
    select tributary.end_backend(backend_pid, backend_start)::integer + coalesce((
        select count(*) filter (where pg_terminate_backend(l.pid))
        from pg_locks l
        where l.locktype = 'advisory' and l.granted and l.objsubid = 1
            and l.database = (select d.oid from pg_database d where d.datname = current_database())
            and l.classid::bigint = (tributary.member_key(member) >> 32) & 4294967295
            and l.objid::bigint = tributary.member_key(member) & 4294967295
            and l.pid <> pg_backend_pid()), 0)::integer
$$;

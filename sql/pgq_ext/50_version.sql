-- Version of pgq_ext, and its grants.

-- ----------------------------------------------------------------------
-- Function: pgq_ext.version(0)
--
--      Version of pgq_ext.
--
-- Parameters:
--      none
--
-- Returns:
--      version
--
-- Writes:
--      none
--
-- Called by:
--      users
-- ----------------------------------------------------------------------
create or replace function pgq_ext.version()
returns text
language sql
as $$
    select '3.3-tributary'::text;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq_ext.upgrade_schema(0)
--
--      Here for clients of the original: an install is the upgrade.
--
-- Parameters:
--      none
--
-- Returns:
--      0
--
-- Writes:
--      none
--
-- Called by:
--      users
-- ----------------------------------------------------------------------
create or replace function pgq_ext.upgrade_schema()
returns integer
language sql
as $$
    select 0;
$$;

grant usage on schema pgq_ext to public;
revoke all on all functions in schema pgq_ext from public;
grant execute on function pgq_ext.version() to public;
do $$
begin
    if to_regrole('pgq_writer') is not null then
        grant execute on all functions in schema pgq_ext to pgq_writer;
    end if;
end;
$$;

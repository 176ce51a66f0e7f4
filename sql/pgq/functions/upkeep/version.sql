-- ----------------------------------------------------------------------
-- Function: pgq.version(0)
--
--      Version of the API, and the name of the engine. pgqd serves a database only if this begins with 3 or more.
--
-- Parameters:
--      none
--
-- Returns:
--      the version
--
-- Writes:
--      none
--
-- Called by:
--      src/install, pgqd, users
-- ----------------------------------------------------------------------
create or replace function pgq.version()
returns text
language sql
immutable
as $$
    select '3.5-tributary'::text;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq.upgrade_schema(0)
--
--      Does nothing here: the installer changes tables by numbered migrations. Part of the API.
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
create or replace function pgq.upgrade_schema()
returns integer
language sql
as $$
    select 0;
$$;

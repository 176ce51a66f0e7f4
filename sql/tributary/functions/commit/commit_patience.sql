-- ----------------------------------------------------------------------
-- Function: tributary.commit_patience(0)
--
--      Sets for the rest of a commit's transaction how long it may wait for a lock, and for a process that is gone. The mover
--      gives it up after half a minute; a longer wait would only keep a connection and its locks.
--
-- Parameters:
--      none
--
-- Returns:
--      nothing
--
-- Writes:
--      none
--
-- Called by:
--      tributary.begin_commit, src/central/commit/commit.ts
-- ----------------------------------------------------------------------
create or replace function tributary.commit_patience()
returns void as $$
begin
    perform set_config('lock_timeout', '20s', true), set_config('tcp_user_timeout', '30s', true),
        set_config('tcp_keepalives_idle', '15', true), set_config('tcp_keepalives_interval', '5', true),
        set_config('tcp_keepalives_count', '3', true);
    if current_setting('server_version_num')::integer >= 140000 and version() like '%linux%' then
        perform set_config('client_connection_check_interval', '5s', true);
    end if;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;

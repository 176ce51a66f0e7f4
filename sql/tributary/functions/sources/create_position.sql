-- ----------------------------------------------------------------------
-- Function: tributary.create_position(5)
--
--      Stores the first position of a source that is registering and makes the source active, in one transaction.
--      Only install creates positions: any other missing position means that something was lost.
--
-- Parameters:
--      x_source            - id of the source
--      x_tick_id           - tick at which moving begins
--      x_tick_time_us      - its time, microseconds since the epoch
--      x_tick_event_seq    - its event sequence number
--      x_snapshot_md5      - md5 of its snapshot's text
--
-- Returns:
--      true where the position was created, false where the source has one already
--
-- Writes:
--      tributary.position_0, tributary.position_1, tributary.source
--
-- Called by:
--      src/install/register.ts
-- ----------------------------------------------------------------------
create or replace function tributary.create_position(
    x_source            integer,
    x_tick_id           bigint,
    x_tick_time_us      bigint,
    x_tick_event_seq    bigint,
    x_snapshot_md5      text)
returns boolean as $$
declare
    v_state text;
begin
    lock table tributary.position_table in row exclusive mode;
    select state into v_state from tributary.source where id = x_source for update;
    if v_state is null then
        raise exception 'source % is not known', x_source;
    end if;
    if v_state <> 'registering' or exists (select from tributary.position where source = x_source) then
        return false;
    end if;
    if (select current from tributary.position_table) = 0 then
        insert into tributary.position_0 (source, n, tick_id, tick_time_us, tick_event_seq, tick_snapshot_md5, moved)
        values (x_source, 1, x_tick_id, x_tick_time_us, x_tick_event_seq, x_snapshot_md5, 0);
    else
        insert into tributary.position_1 (source, n, tick_id, tick_time_us, tick_event_seq, tick_snapshot_md5, moved)
        values (x_source, 1, x_tick_id, x_tick_time_us, x_tick_event_seq, x_snapshot_md5, 0);
    end if;
    update tributary.source set state = 'active' where id = x_source;
    return true;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;

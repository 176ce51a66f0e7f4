-- ----------------------------------------------------------------------
-- Function: pgq.create_queue(1)
--
--      Creates a queue: its row, two sequences, the event tables and the first tick.
--      Of two callers at once one creates it and the other waits and gets 0.
--
-- Parameters:
--      i_queue_name    - name of the queue, any text
--
-- Returns:
--      1 - created
--      0 - it was there already
--
-- Writes:
--      pgq.queue, pgq.tick; creates tables and sequences
--
-- Called by:
--      src/install, users
-- ----------------------------------------------------------------------
create or replace function pgq.create_queue(i_queue_name text)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_id        integer;
    v_pfx       text;
    v_table     text;
    v_ntables   integer;
begin
    if i_queue_name is null then
        raise exception 'Invalid NULL value';
    end if;

    -- A look first: an insert that finds an existing queue would use up a queue id.
    perform 1 from pgq.queue where queue_name = i_queue_name;
    if found then
        return 0;
    end if;

    v_id := nextval('pgq.queue_queue_id_seq');
    v_pfx := 'pgq.event_' || v_id;

    insert into pgq.queue (queue_id, queue_name, queue_data_pfx, queue_event_seq, queue_tick_seq)
    values (v_id, i_queue_name, v_pfx, v_pfx || '_id_seq', v_pfx || '_tick_seq')
    on conflict (queue_name) do nothing
    returning queue_ntables into v_ntables;
    if not found then
        return 0;
    end if;

    -- The event sequence begins with 0 used, and not with "1, unused": its last value then differs before and after the
    -- first event, so that the ticker sees event 1. The first id is 1 all the same.
    execute 'create sequence ' || v_pfx || '_id_seq minvalue 0 start 1';
    perform setval((v_pfx || '_id_seq')::regclass, 0);
    execute 'create sequence ' || v_pfx || '_tick_seq';
    -- Not a series of ids: holds each session's count of events for queue_per_tx_limit, see count_in_tx.sql.
    execute 'create sequence ' || v_pfx || '_limit_seq';

    execute 'create table ' || v_pfx || ' () inherits (pgq.event_template)';
    for n in 0 .. v_ntables - 1 loop
        v_table := v_pfx || '_' || n;
        execute 'create table ' || v_table || ' () inherits (' || v_pfx || ')';
        execute format('alter table %s alter column ev_id set default nextval(%L)', v_table, v_pfx || '_id_seq');
        execute format('create index event_%s_%s_txid_idx on %s (ev_txid)', v_id, n, v_table);
    end loop;

    perform pgq._write_insert_row();
    perform pgq.grant_perms(i_queue_name);
    perform pgq.ticker(i_queue_name);
    perform pgq.tune_storage(i_queue_name);
    return 1;
end;
$$;

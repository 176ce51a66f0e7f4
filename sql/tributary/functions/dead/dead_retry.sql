-- ----------------------------------------------------------------------
-- Function: tributary.dead_retry(3)
--
--      Hands dead events out again: each goes to the group alone that it died in, with its id, time, payload and origin, and with all its
--      tries again. An event whose id already waits there for a retry stays dead.
--
-- Parameters:
--      x_queue     - central queue
--      x_group     - the installation's group without a name
--      x_ids       - ids of dead events whose handler could not handle them
--
-- Returns:
--      a row per event that was still dead: whether it was handed out; an error where the queue or the group is gone
--
-- Writes:
--      pgq.retry_queue, tributary.dead_event
--
-- Called by:
--      src/central/dead-retry.ts
-- ----------------------------------------------------------------------
create or replace function tributary.dead_retry(x_queue text, x_group text, x_ids bigint[])
returns table (id bigint, is_out boolean) as $$
declare
    d       record;
    v_group text;
    v_looked text;
begin
    for d in
        select * from tributary.dead_event e
        where e.id = any (x_ids) and e.central_queue = x_queue and e.kind <> 'poison' and e.redriven_at is null
        order by e.id
        for update
    loop
        v_group := x_group || coalesce('/' || d.group_name, '');
        if v_looked is distinct from v_group then
            perform tributary.coop_group(x_queue, v_group);
            v_looked := v_group;
        end if;
        begin
            -- Not null: an event that was tried before is no measure of how old what waits is, and its success is noted, for `trace`.
            perform pgq.event_retry_raw(x_queue, v_group, clock_timestamp(), d.ev_id, d.ev_time, 0, d.ev_type, d.ev_data,
                                        d.ev_extra1, d.ev_extra2, d.ev_extra3, d.ev_extra4);
            update tributary.dead_event e set redriven_at = clock_timestamp(), redriven = e.redriven + 1 where e.id = d.id;
            is_out := true;
        exception when unique_violation then
            is_out := false;
        end;
        id := d.id;
        return next;
    end loop;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.dead_raw(1)
--
--      The bytes of events of kind poison that are still dead and whole.
--
-- Parameters:
--      x_ids       - ids of dead events
--
-- Returns:
--      a row per event: its row as central's COPY would have got it, base64
--
-- Writes:
--      none
--
-- Called by:
--      src/central/dead-retry.ts
-- ----------------------------------------------------------------------
create or replace function tributary.dead_raw(x_ids bigint[])
returns table (id bigint, raw text) as $$
    select d.id, encode(d.raw, 'base64')
    from tributary.dead_event d
    where d.id = any (x_ids) and d.redriven_at is null and length(d.raw) = d.raw_length
    order by d.id
$$ language sql stable set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.dead_stored(1)
--
--      Marks events of kind poison as handed out again, in the transaction that stores them.
--
-- Parameters:
--      x_ids       - ids of dead events
--
-- Returns:
--      nothing; an error where one of them was handed out or discarded meanwhile, for it would be stored twice
--
-- Writes:
--      tributary.dead_event
--
-- Called by:
--      src/central/dead-retry.ts
-- ----------------------------------------------------------------------
create or replace function tributary.dead_stored(x_ids bigint[])
returns void as $$
declare
    v_marked    bigint;
begin
    update tributary.dead_event d set redriven_at = clock_timestamp(), redriven = d.redriven + 1
    where d.id = any (x_ids) and d.redriven_at is null;
    get diagnostics v_marked = row_count;
    if v_marked <> cardinality(x_ids) then
        raise exception using errcode = 'object_in_use',
            message = 'Another command retries or discards the same dead events.';
    end if;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.dead_refused(3)
--
--      Notes that central refused an event of kind poison once more: it stays dead, with the new error.
--
-- Parameters:
--      x_id        - id of the dead event
--      x_error     - central's error
--      x_sqlstate  - its SQLSTATE
--
-- Returns:
--      nothing
--
-- Writes:
--      tributary.dead_event
--
-- Called by:
--      src/central/dead-retry.ts
-- ----------------------------------------------------------------------
create or replace function tributary.dead_refused(x_id bigint, x_error text, x_sqlstate text)
returns void as $$
    update tributary.dead_event
    set error = x_error, sqlstate = x_sqlstate, attempts = attempts + 1, redriven = redriven + 1, died_at = now()
    where id = x_id and redriven_at is null
$$ language sql set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: pgq.get_batch_cursor(4)
--
--      Opens a cursor over the events of a batch and returns the first of them; the rest comes by FETCH in the same
--      transaction. The condition is SQL of the caller and runs with the caller's rights; it goes in brackets, and the
--      whole must be one query.
--
-- Parameters:
--      i_batch_id      - id of the batch
--      i_cursor_name   - name of the cursor
--      i_quick_limit   - number of events to return at once
--      i_extra_where   - condition on the columns of get_batch_events, or null
--
-- Returns:
--      the first events, ordered by ev_id
--
-- Writes:
--      none
--
-- Called by:
--      users
-- ----------------------------------------------------------------------
create or replace function pgq.get_batch_cursor(
    i_batch_id bigint, i_cursor_name text, i_quick_limit integer, i_extra_where text,
    out ev_id bigint, out ev_time timestamptz, out ev_txid bigint, out ev_retry integer, out ev_type text, out ev_data text,
    out ev_extra1 text, out ev_extra2 text, out ev_extra3 text, out ev_extra4 text)
returns setof record
language plpgsql
set jit = off
set max_parallel_workers_per_gather = 0
as $$
declare
    v_cursor    refcursor := i_cursor_name;
    v_sql       text;
begin
    if i_batch_id is null or i_cursor_name is null or i_quick_limit is null then
        return;
    end if;

    v_sql := pgq.batch_event_sql(i_batch_id);
    if i_extra_where is not null then
        -- The line break ends a comment that the condition may end with.
        v_sql := 'select * from (' || v_sql || ') batch where (' || i_extra_where || E'\n) order by 1';
    end if;
    perform 1 from pg_cursors where name = i_cursor_name;
    if found then
        raise exception 'cursor "%" already exists', i_cursor_name using errcode = 'duplicate_cursor';
    end if;
    open v_cursor no scroll for execute v_sql;

    for n in 1 .. i_quick_limit loop
        fetch v_cursor into ev_id, ev_time, ev_txid, ev_retry, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4;
        exit when not found;
        return next;
    end loop;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq.get_batch_cursor(3)
--
--      pgq.get_batch_cursor(4) without a condition.
--
-- Parameters:
--      i_batch_id      - id of the batch
--      i_cursor_name   - name of the cursor
--      i_quick_limit   - number of events to return at once
--
-- Returns:
--      the first events, ordered by ev_id
--
-- Writes:
--      none
--
-- Called by:
--      users
-- ----------------------------------------------------------------------
create or replace function pgq.get_batch_cursor(
    i_batch_id bigint, i_cursor_name text, i_quick_limit integer,
    out ev_id bigint, out ev_time timestamptz, out ev_txid bigint, out ev_retry integer, out ev_type text, out ev_data text,
    out ev_extra1 text, out ev_extra2 text, out ev_extra3 text, out ev_extra4 text)
returns setof record
language plpgsql
strict
as $$
begin
    return query select * from pgq.get_batch_cursor(i_batch_id, i_cursor_name, i_quick_limit, null);
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq.insert_event_raw(11)
--
--      Puts one event, all of its fields given, into the current table of a queue.
--
--      Order: the transaction has its id before it reads which table is current. The other way round, a rotation in
--      between would leave the event in a table where no batch looks for an id that new.
--
-- Parameters:
--      queue_name      - name of the queue
--      ev_id           - id, or null for the next of the sequence; the sequence advances either way, because that
--                        is what the ticker looks at
--      ev_time         - time, or null for the transaction's
--      ev_owner        - subscription that alone shall see it, or null
--      ev_retry        - how often it was put off, or null
--      ev_type, ev_data, ev_extra1..4 - the event
--
-- Returns:
--      id of the event
--
-- Writes:
--      the queue's current event table
--
-- Called by:
--      pgq.insert_event, pgq.maint_retry_events, users
-- ----------------------------------------------------------------------
create or replace function pgq.insert_event_raw(
    queue_name text, ev_id bigint, ev_time timestamptz, ev_owner integer, ev_retry integer,
    ev_type text, ev_data text, ev_extra1 text, ev_extra2 text, ev_extra3 text, ev_extra4 text)
returns bigint
language plpgsql
as $$
declare
    v_txid      bigint := txid_current();
    v_queue     integer;
    v_prefix    text;
    v_table     integer;
    v_sequence  text;
    v_closed    boolean;
    v_limit     integer;
    v_id        bigint;
    v_time      timestamptz := coalesce(ev_time, now());
begin
    select q.queue_id, q.queue_data_pfx, q.queue_cur_table, q.queue_event_seq, q.queue_disable_insert, q.queue_per_tx_limit
      into v_queue, v_prefix, v_table, v_sequence, v_closed, v_limit
      from pgq.queue q
     where q.queue_name = $1;
    if not found then
        if $1 is null then
            raise exception 'Queue name must not be NULL';
        end if;
        raise exception 'No such queue';
    end if;

    v_id := nextval(v_sequence::regclass);
    if ev_id is not null then
        v_id := ev_id;
    end if;

    if v_closed and current_setting('session_replication_role') <> 'replica' then
        raise exception 'Insert into queue disallowed';
    end if;
    if v_limit is not null then
        perform pgq._count_in_tx($1, v_prefix, v_table, v_limit, v_txid, 1);
    end if;

    if not pgq._insert_row(v_queue, v_table, v_id, v_time, v_txid, ev_owner, ev_retry,
                           ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4) then
        execute 'insert into ' || v_prefix || '_' || v_table || ' values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)'
          using v_id, v_time, v_txid, ev_owner, ev_retry, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4;
    end if;
    return v_id;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq.insert_event(7)
--
--      Puts an event into a queue, in the caller's transaction.
--
-- Parameters:
--      queue_name      - name of the queue
--      ev_type         - type, chosen by the producer
--      ev_data         - payload
--      ev_extra1..4    - further fields
--
-- Returns:
--      id of the event
--
-- Writes:
--      see pgq.insert_event_raw
--
-- Called by:
--      users, the triggers
-- ----------------------------------------------------------------------
create or replace function pgq.insert_event(
    queue_name text, ev_type text, ev_data text, ev_extra1 text, ev_extra2 text, ev_extra3 text, ev_extra4 text)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return pgq.insert_event_raw(queue_name, null, now(), null, null,
                                ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4);
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq.insert_event(3)
--
--      Puts an event without further fields into a queue.
--
-- Parameters:
--      queue_name      - name of the queue
--      ev_type         - type, chosen by the producer
--      ev_data         - payload
--
-- Returns:
--      id of the event
--
-- Writes:
--      see pgq.insert_event_raw
--
-- Called by:
--      users
-- ----------------------------------------------------------------------
create or replace function pgq.insert_event(queue_name text, ev_type text, ev_data text)
returns bigint
language sql
as $$
    select pgq.insert_event($1, $2, $3, null, null, null, null);
$$;

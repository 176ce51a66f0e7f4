-- ----------------------------------------------------------------------
-- Function: pgq_coop.next_batch_custom(7)
--
--      Hands out a batch; registers the member and the group where they are missing (see pgq_coop.register_subconsumer). Every
--      call that returns a batch gives it a new id, and the id before it is no longer valid.
--
-- Parameters:
--      i_queue_name        - queue
--      i_consumer_name     - group
--      i_subconsumer_name  - member
--      i_min_lag, i_min_count, i_min_interval  - see tributary.coop_end_tick: min_count alone never waits
--      i_dead_interval     - members that gave no sign of life for this long are dead; null: no member is
--
-- Returns:
--      batch id, null where there is nothing to do
--
-- Writes:
--      see tributary.coop_next_batch
--
-- Called by:
--      users
-- ----------------------------------------------------------------------
create or replace function pgq_coop.next_batch_custom(
    i_queue_name text, i_consumer_name text, i_subconsumer_name text,
    i_min_lag interval, i_min_count integer, i_min_interval interval, i_dead_interval interval)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform tributary.coop_register_group(i_queue_name, i_consumer_name);
    return (select b.batch_id from tributary.coop_next_batch(
        i_queue_name, i_consumer_name, i_subconsumer_name, i_dead_interval, i_min_lag, i_min_count, i_min_interval) b);
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq_coop.next_batch_custom(6)
--
--      The same without a dead interval.
--
-- Parameters:
--      as of next_batch_custom(7)
--
-- Returns:
--      batch id, null where there is nothing to do
--
-- Writes:
--      see tributary.coop_next_batch
--
-- Called by:
--      users
-- ----------------------------------------------------------------------
create or replace function pgq_coop.next_batch_custom(
    i_queue_name text, i_consumer_name text, i_subconsumer_name text,
    i_min_lag interval, i_min_count integer, i_min_interval interval)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return pgq_coop.next_batch_custom(i_queue_name, i_consumer_name, i_subconsumer_name, i_min_lag, i_min_count, i_min_interval, null);
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq_coop.next_batch(4)
--
--      Hands out a batch, one tick after the other.
--
-- Parameters:
--      as of next_batch_custom(7)
--
-- Returns:
--      batch id, null where there is nothing to do
--
-- Writes:
--      see tributary.coop_next_batch
--
-- Called by:
--      users
-- ----------------------------------------------------------------------
create or replace function pgq_coop.next_batch(
    i_queue_name text, i_consumer_name text, i_subconsumer_name text, i_dead_interval interval)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return pgq_coop.next_batch_custom(i_queue_name, i_consumer_name, i_subconsumer_name, null, null, null, i_dead_interval);
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq_coop.next_batch(3)
--
--      Hands out a batch, one tick after the other, without a dead interval.
--
-- Parameters:
--      as of next_batch_custom(7)
--
-- Returns:
--      batch id, null where there is nothing to do
--
-- Writes:
--      see tributary.coop_next_batch
--
-- Called by:
--      users
-- ----------------------------------------------------------------------
create or replace function pgq_coop.next_batch(i_queue_name text, i_consumer_name text, i_subconsumer_name text)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return pgq_coop.next_batch_custom(i_queue_name, i_consumer_name, i_subconsumer_name, null, null, null, null);
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq_coop.finish_batch(1)
--
--      Closes a batch. An id that was handed out here and is no longer valid (taken over, or finished) is an error, so that
--      its effects are rolled back; an id that never was one of ours gives a warning only.
--
-- Parameters:
--      i_batch_id  - batch id
--
-- Returns:
--      1 - closed
--      0 - no such batch
--
-- Writes:
--      see tributary.coop_finish_batch
--
-- Called by:
--      users
-- ----------------------------------------------------------------------
create or replace function pgq_coop.finish_batch(i_batch_id bigint)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if coalesce(i_batch_id, 0) < 1000000000000000 then
        perform 1 from pgq.subscription where sub_batch = i_batch_id;
        if not found then
            raise warning 'coop_finish_batch: batch % not found', i_batch_id;
            return 0;
        end if;
    end if;
    return tributary.coop_finish_batch(i_batch_id);
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq_coop.version(0)
--
--      The version of pgq_coop that this behaves like.
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
create or replace function pgq_coop.version()
returns text
language sql immutable
as $$
    select '3.4-tributary'
$$;

revoke all on function pgq_coop.next_batch_custom(text, text, text, interval, integer, interval, interval) from public;
revoke all on function pgq_coop.next_batch_custom(text, text, text, interval, integer, interval) from public;
revoke all on function pgq_coop.next_batch(text, text, text, interval) from public;
revoke all on function pgq_coop.next_batch(text, text, text) from public;
revoke all on function pgq_coop.finish_batch(bigint) from public;
revoke all on function pgq_coop.version() from public;
do $$
begin
    if to_regrole('pgq_reader') is not null then
        grant execute on function pgq_coop.next_batch_custom(text, text, text, interval, integer, interval, interval) to pgq_reader;
        grant execute on function pgq_coop.next_batch_custom(text, text, text, interval, integer, interval) to pgq_reader;
        grant execute on function pgq_coop.next_batch(text, text, text, interval) to pgq_reader;
        grant execute on function pgq_coop.next_batch(text, text, text) to pgq_reader;
        grant execute on function pgq_coop.finish_batch(bigint) to pgq_reader;
        grant execute on function pgq_coop.version() to pgq_reader;
    end if;
end;
$$;

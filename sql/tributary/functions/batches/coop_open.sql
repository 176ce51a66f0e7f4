-- ----------------------------------------------------------------------
-- Function: tributary.coop_new_token(1)
--
--      A batch id that was never used, from one of two ranges: one for holders that know of progress inside a batch, one for
--      those that do not.
--
-- Parameters:
--      knows_progress  - the holder knows of progress
--
-- Returns:
--      the token: below 5000000000000000 where the holder knows
--
-- Writes:
--      none
--
-- Called by:
--      tributary.coop_next_batch, tributary.coop_open
-- ----------------------------------------------------------------------
create or replace function tributary.coop_new_token(knows_progress boolean)
returns bigint
language sql
as $$
    select case when knows_progress then nextval('tributary.coop_token') else nextval('tributary.coop_plain_token') end
$$;

revoke all on function tributary.coop_new_token(boolean) from public;

-- ----------------------------------------------------------------------
-- Function: tributary.coop_open(5)
--
--      Writes a batch into the row of an idle member, under a fresh token.
--
-- Parameters:
--      at          - ctid of the member's row when it was read
--      queue_id    - queue
--      consumer_id - the member's consumer
--      ticks       - start of the batch and its end
--      knows_progress  - as in tributary.coop_new_token
--
-- Returns:
--      the token; an error that undoes the caller where the row was changed since
--
-- Writes:
--      pgq.subscription
--
-- Called by:
--      tributary.coop_next_batch
-- ----------------------------------------------------------------------
create or replace function tributary.coop_open(
    at tid, queue_id integer, consumer_id integer, ticks bigint[], knows_progress boolean)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_token bigint := tributary.coop_new_token(knows_progress);
begin
    update pgq.subscription s
    set sub_batch = v_token, sub_last_tick = ticks[1], sub_next_tick = ticks[2], sub_active = clock_timestamp()
    where s.ctid = at and s.sub_queue = queue_id and s.sub_consumer = consumer_id and s.sub_batch is null;
    if not found then
        raise exception using errcode = 'serialization_failure', message = format(
            'Consumer %s asked for a batch twice at the same moment, or was unregistered at it: ask again.',
            (select c.co_name from pgq.consumer c where c.co_id = consumer_id));
    end if;
    return v_token;
end;
$$;

revoke all on function tributary.coop_open(tid, integer, integer, bigint[], boolean) from public;

-- ----------------------------------------------------------------------
-- Function: tributary.coop_renew(4)
--
--      Gives an idle member a new row under a new consumer id; its name and its group stay. Opening and finishing a batch
--      change sub_batch, which is indexed, so each change is checked against all versions of the row by its key. While an old
--      snapshot is held these pile up, and each batch would cost more than the one before.
--
-- Parameters:
--      at              - ctid of the member's row when it was read
--      queue_id        - queue
--      consumer_id     - the member's consumer
--      consumer_name   - its name
--
-- Returns:
--      consumer_id, at - of the new row; unchanged where the name is in use on another queue as well, or another session
--                        uses it at this moment
--
-- Writes:
--      pgq.subscription, pgq.consumer
--
-- Called by:
--      tributary.coop_next_batch
-- ----------------------------------------------------------------------
create or replace function tributary.coop_renew(
    inout at tid, queue_id integer, inout consumer_id integer, consumer_name text)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_old   pgq.subscription;
begin
    perform 1 from pgq.consumer where co_id = consumer_id for update skip locked;
    if not found then
        return;
    end if;
    perform 1 from pgq.subscription s where s.sub_consumer = consumer_id and s.sub_queue <> coop_renew.queue_id;
    if found then
        return;
    end if;
    delete from pgq.subscription s
    where s.ctid = at and s.sub_queue = queue_id and s.sub_consumer = consumer_id and s.sub_batch is null
    returning s.* into v_old;
    if not found then
        return;
    end if;
    delete from pgq.consumer where co_id = consumer_id;
    insert into pgq.consumer (co_name) values (consumer_name) returning co_id into consumer_id;
    insert into pgq.subscription as s (sub_id, sub_queue, sub_consumer, sub_last_tick, sub_active)
    values (v_old.sub_id, v_old.sub_queue, consumer_id, null, v_old.sub_active)
    returning s.ctid into at;
end;
$$;

revoke all on function tributary.coop_renew(tid, integer, integer, text) from public;

-- ----------------------------------------------------------------------
-- Function: tributary.coop_part(2)
--
--      Gives a batch that was opened on the group itself, with pgq.next_batch, a member's row of its own, with its id and its
--      time, so that the group goes on: the program that opened it may finish it, else it is taken over like any member's.
--
-- Parameters:
--      batch       - id of the open batch in the group's row
--      group_name  - group
--
-- Returns:
--      nothing
--
-- Writes:
--      pgq.subscription, pgq.consumer
--
-- Called by:
--      tributary.coop_next_batch
-- ----------------------------------------------------------------------
create or replace function tributary.coop_part(batch bigint, group_name text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    -- No member's name looks like this: a % in one is always followed by 25 or 2E.
    v_name      text := group_name || '.%batch ' || batch;
    v_main      pgq.subscription;
    v_consumer  integer;
begin
    select * into v_main from pgq.subscription where sub_batch = batch for update;
    if not found then
        return;
    end if;
    update pgq.subscription
    set sub_last_tick = sub_next_tick, sub_next_tick = null, sub_batch = null
    where sub_batch = batch;
    insert into pgq.consumer as c (co_name) values (v_name)
    on conflict (co_name) do update set co_name = excluded.co_name
    returning c.co_id into v_consumer;
    insert into pgq.subscription (sub_id, sub_queue, sub_consumer, sub_last_tick, sub_active, sub_batch, sub_next_tick)
    values (v_main.sub_id, v_main.sub_queue, v_consumer, v_main.sub_last_tick, v_main.sub_active, batch, v_main.sub_next_tick);
end;
$$;

revoke all on function tributary.coop_part(bigint, text) from public;

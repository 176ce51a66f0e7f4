-- ----------------------------------------------------------------------
-- Function: pgq.register_consumer_at(3)
--
--      Subscribes a consumer to a queue at a tick, or moves an existing subscription there; its open batch is
--      dropped then. Without a tick a new subscription starts at the newest one and an existing one stays as it is:
--      nothing is locked then.
--
--      Order: the queue's row is locked before the tick is looked up, which keeps a rotation from removing that tick
--      until the new position is committed.
--
-- Parameters:
--      x_queue_name        - name of the queue
--      x_consumer_name     - name of the consumer
--      x_tick_pos          - tick to start after, or null
--
-- Returns:
--      1 - subscribed now
--      0 - was subscribed already
--
-- Writes:
--      pgq.consumer, pgq.subscription
--
-- Called by:
--      src/install, sql/shard/watermark.sql, pgq.register_consumer, users
-- ----------------------------------------------------------------------
create or replace function pgq.register_consumer_at(x_queue_name text, x_consumer_name text, x_tick_pos bigint)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queue_id      integer;
    v_consumer_id   integer;
    v_tick_id       bigint := x_tick_pos;
begin
    if x_tick_pos is null then
        perform 1
           from pgq.subscription s
           join pgq.queue q on q.queue_id = s.sub_queue
           join pgq.consumer c on c.co_id = s.sub_consumer
          where q.queue_name = x_queue_name and c.co_name = x_consumer_name;
        if found then
            return 0;
        end if;
    end if;

    select queue_id into v_queue_id from pgq.queue where queue_name = x_queue_name for key share;
    if not found then
        raise exception 'Event queue not created yet';
    end if;

    if x_tick_pos is not null then
        perform 1 from pgq.tick where tick_queue = v_queue_id and tick_id = x_tick_pos;
        if not found then
            raise exception 'cannot reposition, tick not found: %', x_tick_pos;
        end if;
    end if;

    v_consumer_id := pgq._consumer_id(x_consumer_name);
    perform 1 from pgq.subscription where sub_queue = v_queue_id and sub_consumer = v_consumer_id;
    if not found then
        if v_tick_id is null then
            select max(tick_id) into v_tick_id from pgq.tick where tick_queue = v_queue_id;
            if v_tick_id is null then
                raise exception 'No ticks for this queue.  Please run ticker on database.';
            end if;
        end if;
        insert into pgq.subscription (sub_queue, sub_consumer, sub_last_tick)
        values (v_queue_id, v_consumer_id, v_tick_id)
        on conflict (sub_queue, sub_consumer) do nothing;
        if found then
            return 1;
        end if;
    end if;

    if x_tick_pos is not null then
        update pgq.subscription
           set sub_last_tick = x_tick_pos, sub_next_tick = null, sub_batch = null, sub_active = now()
         where sub_queue = v_queue_id and sub_consumer = v_consumer_id;
    end if;
    return 0;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq.register_consumer(2)
--
--      Subscribes a consumer to a queue at the newest tick: it gets events that are committed after that tick.
--
-- Parameters:
--      x_queue_name    - name of the queue
--      x_consumer_id   - name of the consumer
--
-- Returns:
--      1 - subscribed now
--      0 - was subscribed already
--
-- Writes:
--      pgq.consumer, pgq.subscription
--
-- Called by:
--      src/install, users
-- ----------------------------------------------------------------------
create or replace function pgq.register_consumer(x_queue_name text, x_consumer_id text)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return pgq.register_consumer_at(x_queue_name, x_consumer_id, null);
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq._consumer_id(1)
--
--      Finds the consumer of that name or creates it; of two sessions that create it, one waits for the other. The
--      row is locked against removal until the caller's transaction ends.
--
-- Parameters:
--      i_consumer_name     - name of the consumer
--
-- Returns:
--      its id
--
-- Writes:
--      pgq.consumer
--
-- Called by:
--      pgq.register_consumer_at
-- ----------------------------------------------------------------------
create or replace function pgq._consumer_id(i_consumer_name text)
returns integer
language plpgsql
as $$
declare
    v_id    integer;
begin
    loop
        select co_id into v_id from pgq.consumer where co_name = i_consumer_name for key share;
        if found then
            return v_id;
        end if;
        insert into pgq.consumer (co_name) values (i_consumer_name) on conflict (co_name) do nothing;
    end loop;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: pgq.event_retry_raw(12)
--
--      Puts an event off for a consumer, all of its fields given; it need not be in any batch. A second call with the
--      same id fails while the first event is still put off.
--
-- Parameters:
--      x_queue         - name of the queue
--      x_consumer      - name of the consumer
--      x_retry_after   - when it shall come back
--      x_ev_id         - id, or null for the next of the sequence
--      x_ev_time       - time of the event
--      x_ev_retry      - how often it was put off
--      x_ev_type, x_ev_data, x_ev_extra1..4 - the event
--
-- Returns:
--      id of the event
--
-- Writes:
--      pgq.retry_queue
--
-- Called by:
--      tributary.put_off, users
-- ----------------------------------------------------------------------
create or replace function pgq.event_retry_raw(
    x_queue text, x_consumer text, x_retry_after timestamptz, x_ev_id bigint, x_ev_time timestamptz, x_ev_retry integer,
    x_ev_type text, x_ev_data text, x_ev_extra1 text, x_ev_extra2 text, x_ev_extra3 text, x_ev_extra4 text)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queue record;
    v_id    bigint := x_ev_id;
begin
    select q.queue_id, q.queue_event_seq, s.sub_id into v_queue
      from pgq.queue q
      join pgq.subscription s on s.sub_queue = q.queue_id
      join pgq.consumer c on c.co_id = s.sub_consumer
     where q.queue_name = x_queue and c.co_name = x_consumer;
    if not found then
        raise exception 'consumer not registered';
    end if;
    if v_id is null then
        v_id := nextval(v_queue.queue_event_seq::regclass);
    end if;
    insert into pgq.retry_queue (ev_retry_after, ev_queue, ev_id, ev_time, ev_owner, ev_retry,
                                 ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4)
    values (x_retry_after, v_queue.queue_id, v_id, x_ev_time, v_queue.sub_id, x_ev_retry,
            x_ev_type, x_ev_data, x_ev_extra1, x_ev_extra2, x_ev_extra3, x_ev_extra4);
    return v_id;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.lag_came(2)
--
--      How many events a second came into a central queue lately, from the ids that were given out since a tick about a minute
--      ago. Ids of transactions that rolled back count, too.
--
-- Parameters:
--      x_queue     - queue_id
--      x_sequence  - sequence of the queue's event ids
--
-- Returns:
--      events a second; null where there is no such tick, or it is older than five minutes
--
-- Writes:
--      none
--
-- Called by:
--      tributary.lag_central
-- ----------------------------------------------------------------------
create or replace function tributary.lag_came(x_queue integer, x_sequence text)
returns double precision as $$
declare
    v_last      bigint;
    v_from      record;
begin
    select t.tick_event_seq as seq, extract(epoch from clock_timestamp() - t.tick_time)::double precision as age into v_from
    from pgq.tick t
    where t.tick_queue = x_queue and t.tick_time <= clock_timestamp() - interval '1 minute'
    order by t.tick_id desc limit 1;
    if v_from is null or v_from.age > 300 then
        return null;
    end if;
    execute format('select last_value from %s', x_sequence) into v_last;
    return greatest(v_last - v_from.seq, 0) / v_from.age;
end;
$$ language plpgsql stable set search_path = pg_catalog, pg_temp;

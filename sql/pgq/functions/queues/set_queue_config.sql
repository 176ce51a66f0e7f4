-- ----------------------------------------------------------------------
-- Function: pgq.set_queue_config(3)
--
--      Changes one setting of a queue: ticker_max_count, ticker_max_lag, ticker_idle_period, ticker_paused,
--      rotation_period or external_ticker.
--
-- Parameters:
--      x_queue_name    - name of the queue
--      x_param_name    - name of the setting
--      x_param_value   - its new value as text
--
-- Returns:
--      1
--
-- Writes:
--      pgq.queue
--
-- Called by:
--      src/install, users
-- ----------------------------------------------------------------------
create or replace function pgq.set_queue_config(x_queue_name text, x_param_name text, x_param_value text)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if x_queue_name is null or x_param_name is null then
        raise exception 'Invalid NULL value';
    end if;

    perform 1 from pgq.queue where queue_name = x_queue_name;
    if not found then
        raise exception 'No such event queue';
    end if;

    -- The trailing s is what the extension prints; clients may match the text.
    if x_param_name not in ('ticker_max_count', 'ticker_max_lag', 'ticker_idle_period', 'ticker_paused',
                            'rotation_period', 'external_ticker') then
        raise exception 'cannot change parameter "%s"', x_param_name;
    end if;
    if x_param_value is null then
        raise exception 'query string argument of EXECUTE is null' using errcode = 'null_value_not_allowed';
    end if;

    execute format('update pgq.queue set queue_%s = %L where queue_name = %L',
                   x_param_name, x_param_value, x_queue_name);
    return 1;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.rate_take(3)
--
--      Grants a worker events of a central queue that may start now, from what the queue's rate has accumulated for all its
--      workers. Nothing is granted for later, so little is lost when the worker dies.
--
--      The allowance grows by 95 % of the rate and at most to the events of a quarter of a second (or one event), so that in
--      no ten seconds more events start than the rate allows, even where some start a quarter of a second late.
--
-- Parameters:
--      x_queue         - central queue
--      x_events        - how many events the worker could start
--      x_per_second    - the queue's rate
--
-- Returns:
--      granted     - how many may start; 0: ask again
--      wait_ms     - how long to wait before the next call, where nothing was granted
--
-- Writes:
--      tributary.rate_grant, only where something is granted
--
-- Called by:
--      src/workers/child/rate-limit.ts
-- ----------------------------------------------------------------------
create or replace function tributary.rate_take(
    x_queue text, x_events integer, x_per_second double precision, out granted integer, out wait_ms double precision)
as $$
declare
    v_pace      constant double precision := x_per_second * 0.95;
    v_most      constant double precision := greatest(1, x_per_second * 0.25);
    v_wanted    constant integer := greatest(1, least(x_events, floor(v_most)));
    -- Grants of single events would cost a busy queue more than its handlers do.
    v_least     constant integer := least(v_wanted, ceil(v_most / 4));
    v_now       timestamptz;
    v_last      record;
    v_seconds   double precision;
begin
    loop
        select g.n, g.used_until into v_last
        from tributary.rate_grant g where g.central_queue = x_queue order by g.n desc limit 1;
        v_now := clock_timestamp();
        -- Where the clock was set back, a little counts as accumulated: otherwise nothing would start until the clock has caught up.
        v_seconds := case
            when v_last.n is null then v_most / v_pace
            when v_last.used_until > v_now then v_least / v_pace
            else least(extract(epoch from v_now - v_last.used_until), v_most / v_pace) end;
        -- A rounding error must not cost a whole round.
        granted := least(v_wanted, floor(v_seconds * v_pace + 1e-6));
        wait_ms := 0;
        if granted < v_least then
            granted := 0;
            wait_ms := ceil((v_least / v_pace - v_seconds) * 1000);
            return;
        end if;
        insert into tributary.rate_grant (central_queue, n, events, used_until)
        values (x_queue, coalesce(v_last.n, 0) + 1, granted,
            v_now - (v_seconds - granted / v_pace) * interval '1 second')
        on conflict do nothing;
        -- Another worker was quicker.
        continue when not found;
        if v_last.n % 64 = 0 then
            delete from tributary.rate_grant g where g.central_queue = x_queue and g.n < v_last.n;
        end if;
        return;
    end loop;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;

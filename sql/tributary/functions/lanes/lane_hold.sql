-- ----------------------------------------------------------------------
-- Function: tributary.lane_hold(4)
--
--      Begins a batch of a lane where keys of it wait, or may have to: those that are due go with the batch, in front of what it has of
--      them; events of the others leave it, and so do those of a key that would be more than its share. They are as if they had been put
--      off without a try: what becomes of them later is noted one by one, for `trace`.
--
-- Parameters:
--      x_queue     - id of the queue
--      x_sub       - sub_id of the group
--      x_lane      - lane
--      x_batch     - token of the batch, which is open
--
-- Returns:
--      nothing
--
-- Writes:
--      tributary.paused_key, tributary.lane_waiting, and what tributary.lane_share writes
--
-- Called by:
--      tributary.coop_next_batch
-- ----------------------------------------------------------------------
create or replace function tributary.lane_hold(x_queue integer, x_sub integer, x_lane integer, x_batch bigint)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off set max_parallel_workers_per_gather = 0
as $$
declare
    s           tributary.lane_set;
    v_buckets   integer[];
    v_hashes    text[] := '{}';
    v_room      integer[] := '{}';
    v_is_empty  constant boolean := (select m.sub_last_tick = m.sub_next_tick from pgq.subscription m where m.sub_batch = x_batch);
begin
    select l.buckets into v_buckets
    from tributary.lane l where l.queue_id = x_queue and l.sub_id = x_sub and l.lane = x_lane;
    select * into s from tributary.lane_set o where o.queue_id = x_queue and o.sub_id = x_sub;
    update tributary.paused_key k set batch = x_batch, upto = null
    where k.queue_id = x_queue and k.sub_id = x_sub and k.bucket = any (v_buckets)
        and k.batch is null and k.next_at <= clock_timestamp();
    if s.fair or s.per_key is not null then
        select coalesce(array_agg(h.hash), '{}'), coalesce(array_agg(h.room), '{}') into v_hashes, v_room
        from tributary.lane_share(s, x_batch) h;
    end if;
    -- Nothing came with the batch: it has only what waits, of which the shares are noted.
    if v_is_empty then
        return;
    end if;
    select v_hashes || coalesce(array_agg(k.hash), '{}'), v_room || coalesce(array_agg(0), '{}') into v_hashes, v_room
    from tributary.paused_key k
    where k.queue_id = x_queue and k.sub_id = x_sub and k.bucket = any (v_buckets) and k.batch is null
        and not k.hash = any (v_hashes);
    if cardinality(v_hashes) = 0 then
        return;
    end if;
    execute format($sql$
        with left_out as (
            insert into tributary.lane_waiting (queue_id, sub_id, hash, ev_id, ev_time, ev_retry, ev_type, ev_data,
                                                ev_extra1, ev_extra2, ev_extra3, ev_extra4, counts_from)
            select $1, $2, e.hash, e.ev_id, e.ev_time, coalesce(e.ev_retry, 0), e.ev_type, e.ev_data, e.ev_extra1, e.ev_extra2, e.ev_extra3, e.ev_extra4,
                case when e.ev_retry is not null then clock_timestamp() when $5 is not null then tributary.due_of($5, e.ev_txid, e.ev_id) end
            from (select e.*, h.hash, row_number() over (partition by h.hash order by e.ev_id) as place
                  from (%s) e, lateral (select md5(%s) as hash) h
                  where h.hash = any ($3)) e
            join unnest($3, $4) k (hash, room) on k.hash = e.hash and e.place > k.room
            order by e.ev_id
            returning hash, ev_id
        )
        update tributary.paused_key k set ev_id = least(nullif(k.ev_id, 0), f.ev_id)
        from (select o.hash, min(o.ev_id) as ev_id from left_out o group by o.hash) f
        where k.queue_id = $1 and k.sub_id = $2 and k.hash = f.hash and k.waits_for <> 'retry'
            and (k.ev_id = 0 or k.ev_id > f.ev_id)
        $sql$, tributary.lane_batch_sql(x_batch, 'true'), tributary.key_sql(s.key))
    using x_queue, x_sub, v_hashes, v_room, tributary.delayed_into(x_queue);
end;
$$;

revoke all on function tributary.lane_hold(integer, integer, integer, bigint) from public;

-- ----------------------------------------------------------------------
-- Function: tributary.lane_share(2)
--
--      How many events of each key go with a batch that begins: a hundred where its lanes are fair, and as many as its rate allows.
--      What a key has beyond that waits, in its order, for its turn or its rate.
--
--      The allowance of a rate grows by 95 % of it, and at most to the events of a quarter of a second (or one event). A key that
--      waits for it gets what two seconds allow, where batches of its lane come that seldom.
--
-- Parameters:
--      x_set       - lanes of the group
--      x_batch     - token of the batch, which has the keys that are due
--
-- Returns:
--      a row per key that has more
--      hash        - of the key
--      room        - how many of the events that came with the batch stay in it
--
-- Writes:
--      tributary.paused_key, tributary.key_rate
--
-- Called by:
--      tributary.lane_hold
-- ----------------------------------------------------------------------
create or replace function tributary.lane_share(x_set tributary.lane_set, x_batch bigint)
returns table (hash text, room integer)
language plpgsql
set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off set max_parallel_workers_per_gather = 0
-- Planning takes longer than all else here.
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    c_turn      constant integer := 100;
    -- Seconds.
    c_burst     constant double precision := 0.25;
    c_waited    constant double precision := 2;
    v_pace      constant double precision := x_set.per_key * 0.95;
    v_now       constant timestamptz := clock_timestamp();
    v_turn      constant integer := case when x_set.fair then c_turn end;
    v_least     constant double precision := case when v_pace is not null then greatest(1 / v_pace, c_burst) end;
    v_events    bigint;
    v_due       text[];
    v_hashes    text[];
    v_keys      text[];
    v_counts    integer[];
begin
    select coalesce(array_agg(k.hash), '{}') into v_due
    from tributary.paused_key k where k.queue_id = x_set.queue_id and k.sub_id = x_set.sub_id and k.batch = x_batch;
    select e.tick_event_seq - b.tick_event_seq into v_events
    from pgq.subscription s
    join pgq.tick b on b.tick_queue = s.sub_queue and b.tick_id = s.sub_last_tick
    join pgq.tick e on e.tick_queue = s.sub_queue and e.tick_id = s.sub_next_tick
    where s.sub_batch = x_batch;
    if x_set.per_key is null and cardinality(v_due) = 0 and v_events <= c_turn then
        return;
    end if;
    -- Only this has the key's expression in it: the plan of the rest is kept.
    execute format($sql$
        select coalesce(array_agg(c.hash), '{}'), coalesce(array_agg(c.key), '{}'), coalesce(array_agg(c.events), '{}')
        from (select md5(h.key) as hash, min(h.key) as key, count(*)::integer as events
              from (%1$s) e, lateral (select %2$s as key) h
              where h.key is not null
              group by 1
              %3$s) c
        $sql$, tributary.lane_batch_sql(x_batch, 'true'), tributary.key_sql(x_set.key),
        case when x_set.per_key is null then 'having count(*) > $1 or md5(h.key) = any ($2)' else '' end)
    into v_hashes, v_keys, v_counts using v_turn, v_due;
    return query
        with came as (
            select c.hash, c.key, c.events from unnest(v_hashes, v_keys, v_counts) c (hash, key, events)
        ), wants as (
            select coalesce(c.hash, d.hash) as hash, c.key, coalesce(c.events, 0) as came, coalesce(d.events, 0) as waiting,
                d.hash is not null as is_due, d.least_id,
                -- Where the clock was set back, a little counts as accumulated.
                least(case when r.used_until <= v_now then extract(epoch from v_now - r.used_until)::float8 else v_least end,
                    case when d.waits_for = 'rate' then greatest(v_least, c_waited) else v_least end) as seconds
            from came c
            full join (
                select k.hash, k.waits_for, tributary.waits_from(k) as least_id, (
                    select count(*)::integer from (
                        select from tributary.lane_waiting w
                        where w.queue_id = k.queue_id and w.sub_id = k.sub_id and w.hash = k.hash and w.ev_id >= tributary.waits_from(k)
                        limit 1 + least(v_turn, ceil(v_pace * greatest(c_waited, v_least) + 1)::bigint)) w) as events
                from tributary.paused_key k
                where k.queue_id = x_set.queue_id and k.sub_id = x_set.sub_id and k.batch = x_batch) d on d.hash = c.hash
            left join tributary.key_rate r on r.queue_id = x_set.queue_id and r.sub_id = x_set.sub_id and r.hash = coalesce(c.hash, d.hash)
            where not exists (
                select from tributary.paused_key k
                where k.queue_id = x_set.queue_id and k.sub_id = x_set.sub_id and k.hash = c.hash and k.batch is null)
        ), shares as (
            -- A rounding error must not cost a whole round.
            select w.*, least(v_turn, floor(w.seconds * v_pace + 1e-6))::integer as share,
                coalesce(floor(w.seconds * v_pace + 1e-6) < least(v_turn, w.came + w.waiting), false) as is_rated
            from wants w
        ), noted as (
            insert into tributary.key_rate as r (queue_id, sub_id, hash, used_until)
            select x_set.queue_id, x_set.sub_id, s.hash, v_now - (s.seconds - least(s.share, s.came + s.waiting) / v_pace) * interval '1 second'
            from shares s where v_pace is not null and s.share > 0
            on conflict on constraint key_rate_pkey do update set used_until = excluded.used_until
        ), kept as (
            select s.*, case when s.is_rated then 'rate' else 'turn' end as waits_for,
                case when s.is_rated then v_now + greatest(0, v_least - (s.seconds - s.share / v_pace)) * interval '1 second' else v_now end as next_at
            from shares s where s.came + s.waiting > s.share
        ), begun as (
            insert into tributary.paused_key (queue_id, sub_id, hash, key, bucket, ev_id, next_at, attempts, waits_for)
            select x_set.queue_id, x_set.sub_id, k.hash, left(k.key, 200), tributary.bucket_of(k.key, 0), 0, k.next_at, 0, k.waits_for
            from kept k where not k.is_due
        ), cut as (
            update tributary.paused_key p
            set next_at = k.next_at,
                waits_for = case when k.share = 0 then p.waits_for else k.waits_for end,
                batch = case when k.share > 0 then p.batch end,
                upto = case when k.share > 0 then coalesce((
                    select w.ev_id from tributary.lane_waiting w
                    where w.queue_id = x_set.queue_id and w.sub_id = x_set.sub_id and w.hash = k.hash and w.ev_id >= k.least_id
                    order by w.ev_id offset greatest(least(k.share, k.waiting) - 1, 0) limit 1), 0) end,
                -- From here on nothing that waits has a lower id: see tributary.waits_from.
                ev_id = case when k.share = 0 or p.waits_for <> 'retry' then p.ev_id else coalesce((
                    select min(w.ev_id) from tributary.lane_waiting w
                    where w.queue_id = x_set.queue_id and w.sub_id = x_set.sub_id and w.hash = k.hash), 0) end
            from kept k
            where k.is_due and p.queue_id = x_set.queue_id and p.sub_id = x_set.sub_id and p.hash = k.hash
        )
        select k.hash, greatest(k.share - k.waiting, 0) from kept k;
end;
$$;

revoke all on function tributary.lane_share(tributary.lane_set, bigint) from public;

-- ----------------------------------------------------------------------
-- Function: tributary.coop_next_batch(9)
--
--      Hands a batch to a member of a group: its own open one, else an orphan (of a member that was unregistered or is
--      dead), oldest first, else the next one of the group. To be called in a transaction of its own.
--
--      The batch id is a new token at every hand-out, also of a batch that the member has open: the token before it is no
--      longer valid from that moment on, and the backend that works under it (see tributary.coop_hold) is ended.
--
--      A batch of which a part is done already (tributary.narrowing) goes only to a member that knows of progress; for others
--      the rest is put back, to come again in a later batch (see tributary.coop_put_back).
--
--      Of a group with lanes a batch has the events of one lane, and only one batch of a lane is open at a time: the next one of it
--      is handed out when that is finished, whoever finishes it.
--
--      A call that finds nothing writes nothing and assigns no transaction id.
--
-- Parameters:
--      queue           - central queue
--      group_name      - group; an error where it is not registered
--      member          - member; registered where it is not
--      dead_interval   - members that neither took nor touched a batch for this long are dead; null: no member is. Their
--                        open batch goes to the caller and they are no longer registered. Idle members are left alone.
--      min_lag, min_count, min_interval    - which ticks make a batch: see tributary.coop_end_tick
--      knows_progress  - the caller skips events of a batch that are done already, and notes its own progress
--      knows_lanes     - the caller reads only the events of the batch's lane; others get an error where there are lanes
--
-- Returns:
--      batch_id            - token; null: there is nothing to do
--      start_tick, end_tick, start_time, end_time
--      openings            - how many times this batch was handed out, this time included
--      taken_over_from     - member that had it; null unless it was taken over
--      batch_lane          - lane that the batch is of; null: the group has none
--      is_pausing          - events of it that are put off make those behind them with the same key wait
--
-- Writes:
--      pgq.subscription, pgq.consumer, tributary.coop_opening, tributary.narrowing, tributary.lane, and what
--      tributary.coop_put_back, tributary.lane_hold and tributary.lane_switch write
--
-- Called by:
--      src/queue/coop.ts, pgq_coop.next_batch_custom
-- ----------------------------------------------------------------------
create or replace function tributary.coop_next_batch(
    queue text, group_name text, member text, dead_interval interval default null,
    min_lag interval default null, min_count integer default null, min_interval interval default null,
    knows_progress boolean default false, knows_lanes boolean default false,
    out batch_id bigint, out start_tick bigint, out end_tick bigint, out start_time timestamptz, out end_time timestamptz,
    out openings integer, out taken_over_from text, out batch_lane integer, out is_pausing boolean)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_name      text := tributary.coop_member_name(group_name, member);
    v_ids       record;
    v_main      record;
    v_mine      record;
    v_other     record;
    v_end       record;
    v_set       tributary.lane_set;
    -- What this session remembers: queue, main, member, where their rows were, when the look at the others may be next.
    v_memo      text[] := string_to_array(current_setting('tributary.coop_memo', true), ' ');
    v_main_at   tid;
    v_mine_at   tid;
    v_look_at   timestamptz := '-infinity';
    v_began     timestamptz;
    v_found     boolean;
begin
    loop
        batch_id := null;
        start_tick := null;
        end_tick := null;
        taken_over_from := null;
        batch_lane := null;
        select q.queue_id, c.co_id as main_id, m.co_id as mine_id into v_ids
        from pgq.queue q
        join pgq.consumer c on c.co_name = coop_next_batch.group_name
        left join pgq.consumer m on m.co_name = v_name
        where q.queue_name = coop_next_batch.queue;
        if v_memo[1:3] = array[v_ids.queue_id, v_ids.main_id, v_ids.mine_id]::text[] then
            v_main_at := v_memo[4];
            v_mine_at := v_memo[5];
            v_look_at := to_timestamp(v_memo[6]::double precision);
        end if;
        v_memo := null;
        select * into v_main from tributary.coop_row(v_ids.queue_id, v_ids.main_id, v_main_at);
        if v_main.sub_last_tick is null then
            -- Raises an error that names what is missing.
            perform tributary.coop_group(queue, group_name);
            continue;
        end if;
        v_main_at := v_main.at;
        select * into v_mine from tributary.coop_row(v_ids.queue_id, v_ids.mine_id, v_mine_at);
        if v_mine.sub_id is distinct from v_main.sub_id then
            perform tributary.coop_register(queue, group_name, member);
            continue;
        end if;
        v_mine_at := v_mine.at;
        select * into v_set from tributary.lane_set o where o.queue_id = v_ids.queue_id and o.sub_id = v_main.sub_id;
        is_pausing := coalesce(v_set.lanes > 0 and v_set.pauses, false);
        if v_set.lanes > 0 and not (knows_lanes and knows_progress) then
            raise exception using errcode = 'feature_not_supported', message = format(
                'Queue %s is worked in lanes by group %s, and this program knows nothing of lanes: upgrade it, or stop it.',
                queue, group_name);
        end if;

        if v_mine.sub_batch is not null then
            batch_id := tributary.coop_new_token(knows_progress);
            update pgq.subscription
            set sub_batch = batch_id, sub_active = clock_timestamp()
            where sub_batch = v_mine.sub_batch;
            if not found then
                continue;
            end if;
            perform tributary.coop_end_holder(v_mine.sub_batch);
            batch_lane := tributary.lane_token(v_set, v_mine.sub_batch, batch_id);
            start_tick := v_mine.sub_last_tick;
            end_tick := v_mine.sub_next_tick;
            exit when knows_progress or not tributary.coop_put_back(batch_id, queue, group_name);
            continue;
        end if;

        select * into v_end
        from tributary.coop_end_tick(v_ids.queue_id, v_main.sub_last_tick, min_lag, min_count, min_interval, v_set.mark);

        -- Rows that other members left: orphans, and rows that pgq.finish_batch closed as for ordinary consumers. Where an old
        -- snapshot is held, versions of all rows pile up and this takes long: then it is done for a twentieth of the time,
        -- and in calls that find no tick.
        v_found := false;
        v_began := clock_timestamp();
        if v_set.lanes > 0 or v_end.end_tick is null or v_began >= v_look_at then
            select s.sub_consumer, s.sub_batch, c.co_name into v_other
            from pgq.subscription s
            join pgq.consumer c on c.co_id = s.sub_consumer
            where s.sub_queue = v_ids.queue_id and s.sub_id = v_main.sub_id and s.sub_consumer <> v_ids.main_id
                and starts_with(c.co_name, group_name || '.')
                and s.sub_last_tick is not null
                and (s.sub_batch is null or s.sub_active <= to_timestamp(0) or s.sub_active < clock_timestamp() - dead_interval)
            order by s.sub_last_tick, s.sub_consumer
            limit 1;
            v_found := found;
            v_look_at := case when clock_timestamp() - v_began < interval '0.5 milliseconds' then '-infinity'
                else clock_timestamp() + 20 * (clock_timestamp() - v_began) end;
        end if;
        if v_found then
            if v_other.sub_batch is null then
                perform tributary.coop_mend(v_ids.queue_id, v_other.sub_consumer, v_other.co_name);
                continue;
            end if;
            select s.sub_consumer, s.sub_batch, s.sub_last_tick, s.sub_next_tick, c.co_name into v_other
            from pgq.subscription s
            join pgq.consumer c on c.co_id = s.sub_consumer
            where s.sub_queue = v_ids.queue_id and s.sub_id = v_main.sub_id and s.sub_consumer <> v_ids.main_id
                and starts_with(c.co_name, group_name || '.')
                and s.sub_batch is not null
                and (s.sub_active <= to_timestamp(0) or s.sub_active < clock_timestamp() - dead_interval)
            order by s.sub_last_tick, s.sub_consumer
            limit 1
            for update of s skip locked;
            if found then
                perform tributary.coop_forget(v_ids.queue_id, v_other.sub_consumer);
                perform tributary.coop_end_holder(v_other.sub_batch);
                start_tick := v_other.sub_last_tick;
                end_tick := v_other.sub_next_tick;
                taken_over_from := tributary.coop_member_of(group_name, v_other.co_name);
                batch_id := tributary.coop_open(v_mine.at, v_ids.queue_id, v_ids.mine_id,
                    array[start_tick, end_tick], knows_progress);
                batch_lane := tributary.lane_token(v_set, v_other.sub_batch, batch_id);
                exit when knows_progress or not tributary.coop_put_back(batch_id, queue, group_name);
                continue;
            end if;
        end if;

        if v_set.lanes > 0 then
            select * into v_end from tributary.lane_take(v_ids.queue_id, v_main.sub_id, v_set.mark, min_lag, min_count);
            batch_lane := v_end.lane;
        end if;
        if batch_lane is null and v_main.sub_batch is not null then
            perform tributary.coop_part(v_main.sub_batch, group_name);
            continue;
        end if;
        -- Not in one condition: what lanes give has no such field.
        if coalesce(v_set.lanes, 0) = 0 then
            if not v_end.start_found then
                perform 1 from pgq.subscription s
                where s.sub_queue = v_ids.queue_id and s.sub_consumer = v_ids.main_id and s.sub_last_tick = v_main.sub_last_tick;
                if not found then
                    continue;
                end if;
                raise exception using errcode = 'data_corrupted', message = format(
                    'Group %s of queue %s stands at tick %s, which no longer exists: move it to one that does with pgq.register_consumer_at.',
                    group_name, queue, v_main.sub_last_tick);
            end if;
        end if;
        if v_end.end_tick is null then
            if v_set.mark is not null and tributary.lane_switch(v_ids.queue_id, v_main.sub_id) then
                continue;
            end if;
            return;
        end if;

        -- The call that moves the position from here has the batch. The others have written nothing and look again. A lane is locked.
        if batch_lane is null then
            start_tick := v_main.sub_last_tick;
            update pgq.subscription s
            set sub_last_tick = v_end.end_tick, sub_active = clock_timestamp()
            where s.ctid = v_main.at and s.sub_queue = v_ids.queue_id and s.sub_consumer = v_ids.main_id
                and s.sub_last_tick = v_main.sub_last_tick and s.sub_batch is null
                and not exists (
                    select from tributary.lane_set o
                    where o.queue_id = v_ids.queue_id and o.sub_id = v_main.sub_id
                        and (o.lanes > 0 or o.mark < v_end.end_tick))
            returning s.ctid into v_main_at;
            v_found := found;
        else
            start_tick := v_end.start_tick;
            v_found := true;
        end if;
        if v_found then
            end_tick := v_end.end_tick;
            start_time := v_end.start_time;
            end_time := v_end.end_time;
            openings := 1;
            -- Now and then, by a sequence, so that nothing has to be remembered.
            if (select (a.last_value + b.last_value) % 128 = 0 from tributary.coop_token a, tributary.coop_plain_token b) then
                select r.at, r.consumer_id into v_mine_at, v_ids.mine_id
                from tributary.coop_renew(v_mine.at, v_ids.queue_id, v_ids.mine_id, v_name) r;
                v_mine.at := v_mine_at;
            end if;
            batch_id := tributary.coop_open(v_mine.at, v_ids.queue_id, v_ids.mine_id,
                array[start_tick, end_tick], knows_progress);
            update tributary.lane l set position = v_end.end_tick, batch = coop_next_batch.batch_id
            where batch_lane is not null
                and l.queue_id = v_ids.queue_id and l.sub_id = v_main.sub_id and l.lane = batch_lane;
            if batch_lane is not null and (v_set.fair or v_set.per_key is not null or exists (
                select from tributary.paused_key k where k.queue_id = v_ids.queue_id and k.sub_id = v_main.sub_id))
            then
                perform tributary.lane_hold(v_ids.queue_id, v_main.sub_id, batch_lane, batch_id);
            end if;
            -- The position was moved back, or the batch was ended with pgq.finish_batch: notes of the batch are out of date.
            delete from tributary.narrowing n
            where n.central_queue = queue and n.group_name = coop_next_batch.group_name || coalesce('@' || batch_lane, '')
                and n.start_tick = coop_next_batch.start_tick and n.end_tick = v_end.end_tick;
            delete from tributary.coop_opening o
            where o.queue_id = v_ids.queue_id and o.sub_id = v_main.sub_id and o.lane = coalesce(batch_lane, -1)
                and o.start_tick = coop_next_batch.start_tick and o.end_tick = v_end.end_tick;
            perform set_config('tributary.coop_memo', concat_ws(' ', v_ids.queue_id, v_ids.main_id, v_ids.mine_id,
                v_main_at, v_mine_at, extract(epoch from v_look_at)), false);
            return;
        end if;
        v_main_at := v_main.at;
    end loop;

    insert into tributary.coop_opening as o (queue_id, sub_id, start_tick, end_tick, lane, openings)
    values (v_ids.queue_id, v_main.sub_id, coop_next_batch.start_tick, coop_next_batch.end_tick, coalesce(batch_lane, -1), 2)
    on conflict on constraint coop_opening_pkey do update set openings = o.openings + 1
    returning o.openings into openings;
    select t.tick_time into start_time from pgq.tick t where t.tick_queue = v_ids.queue_id and t.tick_id = start_tick;
    select t.tick_time into end_time from pgq.tick t where t.tick_queue = v_ids.queue_id and t.tick_id = end_tick;
end;
$$;

revoke all on function tributary.coop_next_batch(text, text, text, interval, interval, integer, interval, boolean, boolean) from public;
do $$
begin
    if to_regrole('pgq_reader') is not null then
        grant execute on function tributary.coop_next_batch(text, text, text, interval, interval, integer, interval, boolean, boolean) to pgq_reader;
    end if;
end;
$$;

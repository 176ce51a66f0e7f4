-- ----------------------------------------------------------------------
-- Function: tributary.lanes_set(7)
--
--      Wants another number of lanes for a group, or another key. It holds behind a mark, the newest tick: what is in front of that
--      is handled as before, and only when all of it is done anything behind it is handed out. Calling it again changes nothing.
--
-- Parameters:
--      x_queue     - central queue
--      x_group     - group
--      x_key       - SQL expression over the columns of an event; null where there are no lanes
--      x_lanes     - how many; 0: none
--      x_pauses    - whether events behind one that fails, with its key, wait until it is done or dead; at once
--      x_fair      - whether a batch has at most a share of one key; at once
--      x_per_key   - events of one key that may be handed out a second, null: any number; at once
--
-- Returns:
--      whether something is different now
--
-- Writes:
--      tributary.lane_set, the indexes of event tables, and what tributary.lane_switch writes
--
-- Called by:
--      src/install/plan/lanes.ts
-- ----------------------------------------------------------------------
create or replace function tributary.lanes_set(
    x_queue text, x_group text, x_key text, x_lanes integer, x_pauses boolean default false, x_fair boolean default false,
    x_per_key double precision default null)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_main  pgq.subscription := tributary.coop_group(x_queue, x_group);
    s       tributary.lane_set;
begin
    if x_lanes not between 0 and 64 or (x_key is null) <> (x_lanes = 0) then
        raise exception using errcode = 'invalid_parameter_value',
            message = format('Queue %s cannot have %s lanes: say a key and 1 to 64.', x_queue, x_lanes);
    end if;
    insert into tributary.lane_set (queue_id, sub_id)
    select v_main.sub_queue, v_main.sub_id where x_lanes > 0
    on conflict do nothing;
    select * into s from tributary.lane_set o
    where o.queue_id = v_main.sub_queue and o.sub_id = v_main.sub_id for update;
    update tributary.lane_set o set pauses = x_pauses, fair = x_fair, per_key = x_per_key
    where o.queue_id = v_main.sub_queue and o.sub_id = v_main.sub_id
        and (o.pauses, o.fair, o.per_key) is distinct from (x_pauses, x_fair, x_per_key);
    if s.queue_id is null or s.mark is not null and (s.next_lanes, s.next_key) is not distinct from (x_lanes, x_key) then
        return false;
    end if;
    if (s.lanes, s.key) is not distinct from (x_lanes, x_key) then
        update tributary.lane_set o set next_lanes = null, next_key = null, mark = null
        where o.queue_id = s.queue_id and o.sub_id = s.sub_id and o.mark is not null;
        return found;
    end if;
    if x_lanes > 0 then
        perform tributary.lane_index(v_main.sub_queue, x_key);
    end if;
    update tributary.lane_set o
    set next_lanes = x_lanes, next_key = x_key, mark = tributary.lane_newest(v_main.sub_queue, null), changed_at = now()
    where o.queue_id = s.queue_id and o.sub_id = s.sub_id;
    perform tributary.lane_switch(v_main.sub_queue, v_main.sub_id);
    return true;
end;
$$;

revoke all on function tributary.lanes_set(text, text, text, integer, boolean, boolean, double precision) from public;

-- ----------------------------------------------------------------------
-- Function: tributary.lane_index(2)
--
--      Gives the event tables of a queue the index that finds the events of a lane, and takes those away that no lanes use any more.
--      Events that wait already go in, which takes a while where there are many, and nothing is inserted meanwhile.
--
-- Parameters:
--      x_queue     - id of the queue
--      x_key       - SQL expression; null: none more
--
-- Returns:
--      nothing; an error that names the key where it cannot be one
--
-- Writes:
--      indexes of the queue's event tables
--
-- Called by:
--      tributary.lanes_set, tributary.lane_follow
-- ----------------------------------------------------------------------
create or replace function tributary.lane_index(x_queue integer, x_key text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    q       pgq.queue;
    v_table text;
    v_name  text;
    v_used  text[];
    v_error text;
    v_state text;
begin
    select * into q from pgq.queue o where o.queue_id = x_queue;
    select coalesce(array_agg('%_lanes_' || left(md5(k), 8)), '{}') into v_used
    from (select x_key as k union select s.key from tributary.lane_set s where s.queue_id = x_queue
          union select s.next_key from tributary.lane_set s where s.queue_id = x_queue) used where k is not null;
    for n in 0 .. q.queue_ntables - 1 loop
        v_table := q.queue_data_pfx || '_' || n;
        begin
            for v_name in
                select i.indexrelid::regclass from pg_index i join pg_class c on c.oid = i.indexrelid
                where i.indrelid = v_table::regclass and c.relname ~ '_lanes_[0-9a-f]{8}$' and not c.relname like any (v_used)
            loop
                execute format('drop index %s', v_name);
            end loop;
            continue when x_key is null;
            execute format(E'create index if not exists %I on %s (tributary.bucket_of((%s\n)::text, ev_id), ev_txid)',
                'event_' || x_queue || '_' || n || '_lanes_' || left(md5(x_key), 8), v_table, x_key);
        exception when others then
            get stacked diagnostics v_error = message_text, v_state = returned_sqlstate;
            raise exception using errcode = v_state, message = format(
                'The key of the lanes of queue %s, %s, cannot be used: %s. It must be an expression over ev_type, ev_data and ev_extra1 '
                'to ev_extra4 that always gives the same for the same event, and the role that installs must own the event tables.',
                q.queue_name, x_key, v_error);
        end;
    end loop;
end;
$$;

revoke all on function tributary.lane_index(integer, text) from public;

-- Rotation, step 1, of one queue, in a transaction of its own. The table to be truncated is first locked without waiting, and
-- left alone if it holds a row that the slowest watermark has not passed: a writer that was overtaken by an earlier rotation
-- may have put it there. An empty queue is not rotated: that would cost an idle shard a transaction id. A transaction that keeps
-- the queue's row, such as one that puts an event off, is waited for a second where the engine itself waits.
-- :queue is the queue's name as a literal, :schema the schema of PgQ, :xid the type of its transaction ids, :xmin the function of
-- its snapshots.
begin isolation level read committed;
select set_config('tributary.queue', :queue, true), set_config('tributary.rotated', 'not due', true),
    set_config('lock_timeout', '1s', true);
-- Event tables are never analysed; without these settings the planner would read the whole table, while all writers wait for
-- its lock, to find that it holds nothing new.
select set_config(name, 'off', true), set_config('max_parallel_workers_per_gather', '0', true)
from unnest(array['enable_seqscan', 'enable_bitmapscan', 'jit']) name;
do $body$
declare
    q           record;
    v_victim    text;
    v_low       :xid;
    v_found     boolean;
begin
    select * into q from :schema.queue
    where queue_name = current_setting('tributary.queue')
      and queue_rotation_period is not null and queue_switch_step2 is not null
      and queue_switch_time + queue_rotation_period < now();
    if not found then
        return;
    end if;
    execute format('select exists (select from %s)', q.queue_data_pfx) into v_found;
    if not v_found then
        perform set_config('tributary.rotated', 'empty', true);
        return;
    end if;
    v_victim := q.queue_data_pfx || '_' || (q.queue_cur_table + 1) % q.queue_ntables;
    begin
        execute format('lock table %s in access exclusive mode nowait', v_victim);
    exception when lock_not_available then
        perform set_config('tributary.rotated', 'a session reads or writes ' || v_victim, true);
        return;
    end;
    select :xmin(t.tick_snapshot) into v_low
    from :schema.subscription s
    join :schema.tick t on t.tick_queue = s.sub_queue and t.tick_id = s.sub_last_tick
    where s.sub_queue = q.queue_id
    order by 1
    limit 1;
    execute format('select exists (select from %s where ev_txid >= $1)', v_victim) into v_found using v_low;
    if v_found then
        perform set_config('tributary.rotated', v_victim || ' holds events that a consumer has not passed', true);
        return;
    end if;
    begin
        perform :schema.maint_rotate_tables_step1(q.queue_name);
    exception when lock_not_available then
        perform set_config('tributary.rotated', 'another transaction keeps the row of the queue', true);
        return;
    end;
    -- It returned 0 whether it rotated or not.
    if (select queue_cur_table from :schema.queue where queue_id = q.queue_id) = q.queue_cur_table then
        perform set_config('tributary.rotated',
            case when v_low::text::bigint <= q.queue_switch_step2::text::bigint then 'a consumer has not passed the last rotation'
                else 'another transaction keeps the row of the queue' end, true);
        return;
    end if;
    perform set_config('tributary.rotated', 'rotated', true);
end
$body$;
select current_setting('tributary.rotated') as outcome;
commit

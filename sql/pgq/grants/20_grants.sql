-- Grants to PgQ's roles. A function in no list here is for other functions only.
grant usage on schema pgq to public;
revoke all on all functions in schema pgq from public;

grant select on pgq.queue, pgq.tick, pgq.consumer, pgq.subscription to public;
grant execute on function
    pgq.seq_getval(text), pgq.quote_fqname(text), pgq.version(),
    pgq.get_queue_info(), pgq.get_queue_info(text),
    pgq.get_consumer_info(), pgq.get_consumer_info(text), pgq.get_consumer_info(text, text)
    to public;

do $$
declare
    v_readers constant text := $list$
        pgq.register_consumer(text, text), pgq.register_consumer_at(text, text, bigint), pgq.unregister_consumer(text, text),
        pgq.next_batch(text, text), pgq.next_batch_info(text, text),
        pgq.next_batch_custom(text, text, interval, integer, interval),
        pgq.get_batch_events(bigint), pgq.get_batch_info(bigint),
        pgq.get_batch_cursor(bigint, text, integer), pgq.get_batch_cursor(bigint, text, integer, text),
        pgq.event_retry(bigint, bigint, timestamptz), pgq.event_retry(bigint, bigint, integer), pgq.batch_retry(bigint, integer),
        pgq.finish_batch(bigint), pgq.force_tick(text),
        pgq.batch_event_sql(bigint), pgq.batch_event_tables(bigint),
        pgq._batch_tables(pgq.queue, txid_snapshot, txid_snapshot), pgq._batch_arms(txid_snapshot, txid_snapshot),
        pgq.find_tick_helper(integer, bigint, timestamptz, bigint, bigint, interval) $list$;
    v_writers constant text := $list$
        pgq.insert_event(text, text, text), pgq.insert_event(text, text, text, text, text, text, text),
        pgq.insert_events(text, jsonb), pgq.insert_events(text, text[], text[]),
        pgq.insert_events(text, text[], text[], text[], text[], text[], text[]),
        pgq.insert_events_ids(text, text[], text[], text[], text[], text[], text[]),
        pgq.current_event_table(text), pgq.jsontriga(), pgq.logutriga(), pgq.sqltriga(),
        pgq._trigger_change(text, text, text, text, oid, text, text, text[], anyelement, anyelement), pgq._trigger_options(text[]),
        pgq._trigger_condition(text, anyelement), pgq._trigger_expression(text, anyelement),
        pgq._check_truncate_options(jsonb), pgq._override_fields(text[], jsonb, text[], text[], anyelement),
        pgq._plain_row(text, integer), pgq._plain_change(text, text, text[], integer, text, text), pgq._row_values(text), pgq._generated_values(oid, text[], text[], anyelement, boolean),
        pgq._event_type(text, text, text, text, text, text), pgq._whole_row_json(text[], integer, json, json), pgq._urlencode(text),
        pgq._table_shape(oid), pgq._row_shape(anyelement), pgq._row_table(anyelement), pgq._options_shape(text[], text[]), pgq._trigger_arguments(bytea), pgq._expression_query(text), pgq._plain_url(integer, text, text),
        pgq._row_json(text[], boolean[], text[], anyelement), pgq._row_url(text[], boolean[], text[]),
        pgq._row_sql(text, text[], boolean[], text[], text[], text[]) $list$;
    v_admins constant text := $list$
        pgq.ticker(), pgq.ticker(text), pgq.ticker(text, bigint, timestamptz, bigint),
        pgq.maint_retry_events(), pgq.maint_rotate_tables_step1(text), pgq.maint_rotate_tables_step2(),
        pgq.maint_tables_to_vacuum(), pgq.maint_operations(), pgq._neighbours_maintenance(),
        pgq.create_queue(text), pgq.drop_queue(text), pgq.drop_queue(text, boolean),
        pgq.set_queue_config(text, text, text), pgq.grant_perms(text), pgq._grant_perms_from(text, text, text, text),
        pgq.tune_storage(text), pgq.seq_setval(text, bigint), pgq.upgrade_schema(),
        pgq.insert_event_raw(text, bigint, timestamptz, integer, integer, text, text, text, text, text, text),
        pgq._insert_row(integer, integer, bigint, timestamptz, bigint, integer, integer, text, text, text, text, text, text),
        pgq._count_in_tx(text, text, integer, integer, bigint, bigint),
        pgq.event_retry_raw(text, text, timestamptz, bigint, timestamptz, integer, text, text, text, text, text, text) $list$;
begin
    if to_regrole('pgq_reader') is not null then
        grant select on pgq.queue, pgq.tick, pgq.consumer, pgq.subscription, pgq.event_template to pgq_reader;
        execute 'grant execute on function ' || v_readers || ' to pgq_reader';
    end if;
    if to_regrole('pgq_writer') is not null then
        execute 'grant execute on function ' || v_writers || ' to pgq_writer';
    end if;
    if to_regrole('pgq_admin') is not null then
        grant select, insert, update, delete on pgq.queue, pgq.tick, pgq.consumer, pgq.subscription, pgq.retry_queue to pgq_admin;
        grant select, insert, truncate on pgq.event_template to pgq_admin;
        execute 'grant execute on function ' || v_admins || ' to pgq_admin';
    end if;
end;
$$;

-- Queues that are older than the roles.
select pgq.grant_perms(queue_name) from pgq.queue;

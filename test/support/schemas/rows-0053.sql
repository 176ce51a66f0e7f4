-- Rows of the tables that came until schema version 53: groups and lanes with limits of keys, delayed events and schedules, unique keys, messages for browsers,
-- tables that changes are applied to, what has ended.
select pgq.create_queue('mails');
select tributary.begin_group('mails', 'workers_shop/billing', 'now', null);
select tributary.begin_group('mails', 'workers_shop/search', 'now', null);
select tributary.lanes_set('mails', 'workers_shop/billing', 'ev_extra1', 4, true);
insert into tributary.worker_pool (central_queue, wanted, file_wanted, set_by) values ('mails/billing', 2, 2, null), ('mails/search', 1, 1, null);
insert into tributary.dead_event (kind, central_queue, group_name, origin, error) values ('handler', 'mails', 'billing', 's1:mails:8', 'no');
insert into tributary.dead_run (id, host, central_queue, kind, events, done, what, who)
values ('00000000-0000-4000-8000-00000000000d', 'h1', 'orders', 'handler', 10, 4, 'retry', 'anna@h1');
insert into tributary.paused_key (queue_id, sub_id, hash, key, bucket, ev_id, next_at, attempts, last_error)
select s.queue_id, s.sub_id, md5('ANNA'), 'ANNA', 3, 1, '2027-01-01Z', 2, 'her account is locked' from tributary.lane_set s;
insert into tributary.key_rate (queue_id, sub_id, hash, used_until) select s.queue_id, s.sub_id, md5('ANNA'), '2026-11-01Z' from tributary.lane_set s;
insert into tributary.lane_waiting (queue_id, sub_id, hash, ev_id, ev_time, ev_type, ev_data, ev_extra1)
select s.queue_id, s.sub_id, md5('ANNA'), n, '2026-11-01Z', 'made', n::text, 'ANNA' from tributary.lane_set s, generate_series(1, 2) n;
insert into tributary.delayed_0 (central_queue, due_at, ev_time, ev_type, ev_data, ev_extra4, unique_key) values
    ('orders', '2026-11-01Z', '2026-10-31Z', 'due', 'long ago', 's1:orders:21', null),
    ('orders', '2100-01-01Z', '2026-10-31Z', 'due', 'far away', 's1:orders:22', 'k');
insert into tributary.delayed_1 (central_queue, due_at, ev_time, ev_type, ev_data, ev_extra4)
values ('mails', '2100-01-02Z', '2026-10-31Z', 'due', 'farther away', 's1:mails:23');
insert into tributary.delayed_cancelled (id, central_queue, txid, due_at, ev_type, cancelled_by) values (900, 'orders', 1, '2100-01-01Z', 'due', 'anna@h1');
insert into tributary.delayed_run (central_queue, n, until_at, until_id, snapshot, last_id, events) values ('orders', 1, '2026-10-01Z', 0, txid_current_snapshot(), 0, 5);
insert into tributary.delayed_slice (name, from_at, until_at) values ('2026-11', '2026-11-01Z', '2026-12-01Z');
insert into tributary.delayed_sum (central_queue, events, left_out) values ('orders', 2, 1);
insert into tributary.schedule (name, spec, decided_at, last_due_at, last_sent_at, sent, passed_over, paused_at, paused_by)
values ('nightly', '0 3 * * * UTC', '2026-11-01 03:00:00Z', '2026-11-01 03:00:00Z', '2026-11-01 03:00:01Z', 30, 1, '2026-11-02Z', 'anna@h1');
insert into tributary.unique_key_0 (central_queue, key, id, at) values ('orders', 'k', 901, '2026-11-01Z');
insert into tributary.unique_key_1 (central_queue, key, id, at) values ('orders', 'l', 902, '2026-10-31Z');
insert into tributary.unique_left_0 (central_queue, id, txid, ev_type, due_at, at) values ('orders', 903, 2, 'made', '2026-11-01Z', '2026-11-01Z');
insert into tributary.unique_left_1 (central_queue, id, txid, ev_type, due_at, at) values ('orders', 904, 3, 'made', '2026-10-31Z', '2026-10-31Z');
insert into tributary.published_0 (channel, type, data) values ('orders/17', 'paid', '{"n":17}');
insert into tributary.published_1 (channel, data) values ('orders/16', '{"n":16}');
insert into tributary.apply_newer (central_queue, applied, shard, key, event_id) values ('mails', 'public.mail', 's1', '=17', 4);
insert into tributary.apply_copy (central_queue, applied, shard, source, state, copied_to, rows) values ('mails', 'public.mail', 's1', 'public.mail', 'copying', '{17}', 17);
insert into tributary.retired_source (shard, queue, central_queue, database, tick_id, tick_time_us, tick_event_seq, tick_snapshot_md5, moved, seen, retired_by, successors)
values ('gone', 'orders', 'orders', '7000000000000000001/16999', 5, 1790000000000000, 50, '56789abcdef0123456789abcdef01234', 49, true, 'anna@h1', '{s1}');
insert into tributary.past_term (resource, epoch, host, pid, taken_at, ended_at, was_let_go) values ('shard:s1', 3, 'h0', 12, '2026-09-01Z', '2026-10-01Z', true);
insert into tributary.file_request (asked_by) values ('anna@h1');

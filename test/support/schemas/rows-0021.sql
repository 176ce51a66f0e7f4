-- Rows of a central database in use, for tables that there were at schema version 21.
select pgq.create_queue('orders');
select pgq.register_consumer('orders', 'workers_shop');
select pgq.insert_event('orders', 'made', n::text, n::text, null, null, 's1:orders:' || n) from generate_series(1, 3) n;
insert into tributary.source (shard, queue, central_queue, state, halt_code, halt_reason, halted_at, paused_at, pause_reason) values
    ('s1', 'orders', 'orders', 'active', null, null, null, null, null),
    ('s2', 'orders', 'orders', 'halted', 'restored', 'It was restored from a backup.', '2026-10-01 12:00:00Z', null, null),
    ('s3', 'orders', 'orders', 'active', null, null, null, '2026-10-02 12:00:00Z', 'the index is being built');
insert into tributary.position_0 (source, n, tick_id, tick_time_us, tick_event_seq, tick_snapshot_md5, moved) values
    (1, 7, 70, 1790000000000000, 700, '0123456789abcdef0123456789abcdef', 699),
    (1, 8, 80, 1790000001000000, 800, '123456789abcdef0123456789abcdef0', 799),
    (3, 1, 10, 1790000002000000, 100, '23456789abcdef0123456789abcdef01', 0);
insert into tributary.position_1
    (source, n, tick_id, tick_time_us, tick_event_seq, tick_snapshot_md5, end_tick_id, end_tick_time_us, end_tick_event_seq, end_snapshot_md5, last_event_id, moved)
values (2, 3, 30, 1790000003000000, 300, '3456789abcdef0123456789abcdef012', 31, 1790000004000000, 400, '456789abcdef0123456789abcdef0123', 350, 349);
insert into tributary.source_lag (source, at, state, reason, mover, events_behind, exact, seconds_behind, last_tick, provider)
values (1, '2026-10-03 12:00:00Z', 'moving', null, 'h1', 12, true, 3.5, 80, 'engine');
insert into tributary.dead_event (kind, central_queue, origin, shard, source_queue, ev_id, ev_time, ev_type, ev_data, error, sqlstate, attempts, redriven_at, redriven)
values ('handler', 'orders', 's1:orders:5', 's1', 'orders', 5, '2026-10-03 11:00:00Z', 'made', '{"n":5}', 'no such customer', null, 5, null, 0),
    ('poison', 'orders', 's1:orders:6', 's1', 'orders', 6, '2026-10-03 11:00:01Z', 'made', 'x', 'value too long', '22001', 1, '2026-10-04 11:00:01Z', 1);
insert into tributary.coop_opening (queue_id, sub_id, start_tick, end_tick, openings) values (1, 1, 1, 2, 3);
insert into tributary.member (id, kind, host, pid, version, file_hash, started_at, seen_at, ttl, until, unbroken_since, beats, backend_pid, backend_start)
values ('00000000-0000-4000-8000-000000000001', 'mover', 'h1', 4711, '0.1.0', 'abc', '2026-10-01Z', '2026-10-03Z', '10 s', '2026-10-03 00:00:10Z', '2026-10-02Z', 99, 815, '2026-10-01Z');
insert into tributary.term (resource, holder, epoch, taken_at, freed_at) values
    ('shard:s1', '00000000-0000-4000-8000-000000000001', 4, '2026-10-01Z', null),
    ('slot:orders#1', null, 9, '2026-10-01Z', '2026-10-02Z');
insert into tributary.worker_pool (central_queue, wanted, file_wanted, set_by, generation) values ('orders', 6, 4, 'anna@h1', 2);
insert into tributary.attempt (central_queue, group_name, ev_id, origin, attempts, last_error, next_at)
values ('orders', 'workers_shop', 2, 's1:orders:2', 3, 'not yet', '2027-01-01Z');
insert into tributary.narrowing (central_queue, group_name, start_tick, end_tick, last_event_id, deaths) values ('orders', 'workers_shop', 1, 2, 17, 2);
insert into tributary.rate_grant (central_queue, n, events, used_until) values ('orders', 1, 20, '2026-10-03Z');
insert into tributary.shard (name, database, noted_at, former_names) values ('s1', '7000000000000000001/16384', '2026-10-01Z', '{old_s1}');

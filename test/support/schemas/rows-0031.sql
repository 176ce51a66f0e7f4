-- Rows of the tables that came until schema version 31.
insert into tributary.handled_0 (central_queue, start_tick, end_tick, last_event_id, token, openings, worker, host, pid, events, put_off, dead, calls, calls_ms, longest_ms, fates)
values ('orders', 1, 2, 3, 1000000000000001, 1, 'orders#1', 'h1', 815, 3, 1, 0, 3, 12.5, 7, '2r');
insert into tributary.handled_1 (central_queue, start_tick, end_tick, token, openings, worker, pid, events, put_off, dead, calls, calls_ms, longest_ms)
values ('orders', 0, 1, 1000000000000000, 1, 'orders#1', 815, 1, 0, 0, 1, 2, 2);
insert into tributary.queue_history_0 (central_queue, at, in_rate, out_rate, waiting, age, workers_up, workers_wanted, retrying, dead)
values ('orders', '2026-10-03Z', 10, 9.5, 12, 1.5, 4, 4, 1, 2);
insert into tributary.queue_history_1 (central_queue, at, workers_up, retrying, dead) values ('orders', '2026-10-02Z', 4, 0, 0);
insert into tributary.logbook (who, via, kind, central_queues, what) values ('anna@h1', 'cli', 'scale', '{orders}', 'scaled orders from 4 to 6 workers.');
insert into tributary.mover_report (member, at, age) values ('00000000-0000-4000-8000-000000000001', '2026-10-03Z', '1 s');

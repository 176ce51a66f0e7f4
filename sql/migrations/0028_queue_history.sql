-- How central queues did over the last day, for the dashboard: a row for each of them every ten seconds. Two tables take turns and
-- are emptied by TRUNCATE.
create table tributary.queue_history (
    central_queue   text not null,
    at              timestamptz not null,
    -- Events a second.
    in_rate         real,
    out_rate        real,
    waiting         bigint,
    -- Seconds that the oldest event has waited.
    age             real,
    workers_up      integer not null,
    workers_wanted  integer,
    retrying        bigint not null,
    dead            bigint not null
);
create table tributary.queue_history_0 (primary key (central_queue, at)) inherits (tributary.queue_history);
create table tributary.queue_history_1 (primary key (central_queue, at)) inherits (tributary.queue_history);
alter table tributary.queue_history_0 set (autovacuum_vacuum_insert_threshold = -1);
alter table tributary.queue_history_1 set (autovacuum_vacuum_insert_threshold = -1);
comment on table tributary.queue_history is 'What lag showed of each central queue, every ten seconds of the last day at least; null: not known.';

-- Which of the two takes rows, and when it took the last ones.
create table tributary.queue_history_table (
    only_row    boolean primary key default true check (only_row),
    current     integer not null default 0 check (current in (0, 1)),
    switched_at timestamptz not null default now(),
    noted_at    timestamptz not null default '-infinity'
);
insert into tributary.queue_history_table default values;

-- The central schema's first tables: who we are, the sources, their positions, their last seen figures, events that could not be moved.

create table tributary.identity (
    only_row    boolean primary key default true check (only_row),
    id          uuid not null default gen_random_uuid(),
    name        text not null,
    created_at  timestamptz not null default now()
);
comment on table tributary.identity is
    'Made by the first install. The short id in the consumer''s name on the shards keeps a copy of the file from taking production''s events.';

create table tributary.source (
    id              integer generated always as identity primary key,
    shard           text not null,
    queue           text not null,
    central_queue   text not null,
    state           text not null default 'registering' check (state in ('registering', 'active', 'halted', 'retired')),
    halt_code       text,
    halt_reason     text,
    halted_at       timestamptz,
    paused_at       timestamptz,
    pause_reason    text,
    created_at      timestamptz not null default now(),
    unique (shard, queue)
);
comment on table tributary.source is
    'One row per queue on one shard. Only install creates a source; registering means that its position is not stored yet.';

-- Positions are only ever inserted: rows updated in place slow every commit under a held snapshot. The newest row of a source
-- (highest n) is its position; older rows are the history of fingerprints. Two tables take turns and are emptied by TRUNCATE.
create table tributary.position (
    source              integer not null,
    n                   bigint not null,
    tick_id             bigint not null,
    tick_time_us        bigint not null,
    tick_event_seq      bigint not null,
    tick_snapshot_md5   text not null,
    -- Inside a window that was cut: its end tick, and how far the rows have been moved.
    end_tick_id         bigint,
    end_tick_time_us    bigint,
    end_tick_event_seq  bigint,
    end_snapshot_md5    text,
    last_event_id       bigint,
    -- Events moved since the source was installed.
    moved               bigint not null,
    at                  timestamptz not null default now()
);
create table tributary.position_0 (primary key (source, n)) inherits (tributary.position);
create table tributary.position_1 (primary key (source, n)) inherits (tributary.position);
alter table tributary.position_0 set (autovacuum_vacuum_insert_threshold = -1);
alter table tributary.position_1 set (autovacuum_vacuum_insert_threshold = -1);

create table tributary.position_table (
    only_row    boolean primary key default true check (only_row),
    current     integer not null default 0 check (current in (0, 1)),
    switched_at timestamptz not null default now()
);
insert into tributary.position_table default values;
comment on table tributary.position_table is 'Which of position_0 and position_1 takes the inserts; changed only under the exclusive lock that rotate_positions takes.';

create table tributary.source_lag (
    source          integer primary key references tributary.source on delete cascade,
    at              timestamptz not null,
    state           text not null,
    reason          text,
    mover           text,
    events_behind   bigint,
    exact           boolean not null default false,
    seconds_behind  double precision,
    last_tick       bigint,
    provider        text
) with (fillfactor = 50);
comment on table tributary.source_lag is 'The mover''s last seen figures; `at` tells their age.';

create table tributary.dead_event (
    id              bigint generated always as identity primary key,
    kind            text not null check (kind in ('poison', 'handler', 'killed', 'conflict')),
    central_queue   text not null,
    origin          text,
    shard           text,
    source_queue    text,
    ev_id           bigint,
    ev_time         timestamptz,
    ev_retry        integer,
    ev_type         text,
    ev_data         text,
    ev_extra1       text,
    ev_extra2       text,
    ev_extra3       text,
    ev_extra4       text,
    raw             bytea,
    raw_length      bigint,
    error           text not null,
    sqlstate        text,
    stack           text,
    attempts        integer not null default 1,
    first_at        timestamptz not null default now(),
    died_at         timestamptz not null default now()
);
create index dead_event_by_queue on tributary.dead_event (central_queue, id);
comment on table tributary.dead_event is 'Events that could not be moved (poison, with their bytes) or handled; they outlive queues and groups.';

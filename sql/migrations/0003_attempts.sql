-- What workers know about single events: those that are being retried, and batches whose killer is being looked for.

create table tributary.attempt (
    central_queue   text not null,
    group_name      text not null,
    ev_id           bigint not null,
    origin          text not null,
    -- Failures so far; an event that its handler put off has none.
    attempts        integer not null,
    last_error      text,
    first_at        timestamptz not null default now(),
    last_at         timestamptz not null default now(),
    next_at         timestamptz not null,
    primary key (central_queue, group_name, ev_id)
);
comment on table tributary.attempt is
    'One row per event that waits for another try; it goes when the event is handled or dead.';

create table tributary.narrowing (
    central_queue   text not null,
    group_name      text not null,
    start_tick      bigint not null,
    end_tick        bigint not null,
    -- Everything of the batch up to this event is done, its effects committed.
    last_event_id   bigint,
    -- The slice that a worker has begun: still here when the batch is opened again, it killed that worker.
    running_first   bigint,
    running_last    bigint,
    running_events  integer,
    -- How many workers have died in exactly this slice.
    deaths          integer not null default 0,
    at              timestamptz not null default now(),
    primary key (central_queue, group_name, start_tick, end_tick)
);
comment on table tributary.narrowing is
    'One row per batch that killed its workers and is handled in ever smaller transactions until the event is found.';

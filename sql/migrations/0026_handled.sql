-- What workers have done, for `trace`: a row for each transaction that finished a batch or a part of one, written in the
-- message that ends it. Insert-only. Two tables take turns and are emptied by TRUNCATE.
create table tributary.handled (
    central_queue   text not null,
    start_tick      bigint not null,
    end_tick        bigint not null,
    -- The batch was handled up to this event; null: to its end. An event belongs to the first part that reaches it.
    last_event_id   bigint,
    token           bigint not null,
    openings        integer not null,
    worker          text not null,
    host            text,
    pid             integer not null,
    events          integer not null,
    put_off         integer not null,
    dead            integer not null,
    -- Calls of the handler, all together and the longest.
    calls           integer not null,
    calls_ms        real not null,
    longest_ms      real not null,
    -- JSON: events that were put off, died, or were handled after failures; null: none.
    fates           text,
    -- What handlers sent has this transaction as well.
    xid             bigint not null default txid_current(),
    at              timestamptz not null default clock_timestamp()
);
create table tributary.handled_0 () inherits (tributary.handled);
create table tributary.handled_1 () inherits (tributary.handled);
create index handled_0_by_tick on tributary.handled_0 (central_queue, end_tick);
create index handled_1_by_tick on tributary.handled_1 (central_queue, end_tick);
create index handled_0_fates on tributary.handled_0 (central_queue, end_tick) where fates is not null;
create index handled_1_fates on tributary.handled_1 (central_queue, end_tick) where fates is not null;
alter table tributary.handled_0 set (autovacuum_vacuum_insert_threshold = -1);
alter table tributary.handled_1 set (autovacuum_vacuum_insert_threshold = -1);
comment on table tributary.handled is 'Which worker handled which part of which batch, and when: the history that `trace` reads.';

-- Which of the two takes rows.
create table tributary.handled_table (
    only_row    boolean primary key default true check (only_row),
    current     integer not null default 0 check (current in (0, 1)),
    switched_at timestamptz not null default now()
);
insert into tributary.handled_table default values;

-- Events that wait for their time. Insert-only, as event tables are: what was delivered is known by the runs below, and tables are
-- emptied or dropped whole. Two tables take turns for what comes; what they still hold when they are full goes into slices, tables
-- of an hour, a day or a month of due times, which functions make and drop. A null due_at only passes through.
create sequence tributary.delayed_id;
create table tributary.delayed (
    central_queue   text not null default current_setting('tributary.delayed_queue'),
    -- Before the id: a transaction has its own id before it takes one of the events', or a run could overlook it.
    txid            bigint not null default txid_current(),
    id              bigint not null default nextval('tributary.delayed_id'),
    due_at          timestamptz,
    ev_time         timestamptz,
    ev_type         text,
    ev_data         text,
    ev_extra1       text,
    ev_extra2       text,
    ev_extra3       text,
    ev_extra4       text
);
create table tributary.delayed_0 () inherits (tributary.delayed);
create table tributary.delayed_1 () inherits (tributary.delayed);
create index delayed_0_due on tributary.delayed_0 (central_queue, due_at, id) where due_at is not null;
create index delayed_1_due on tributary.delayed_1 (central_queue, due_at, id) where due_at is not null;
create index delayed_0_txid on tributary.delayed_0 (txid);
create index delayed_1_txid on tributary.delayed_1 (txid);
alter table tributary.delayed_0 set (autovacuum_vacuum_insert_threshold = -1);
alter table tributary.delayed_1 set (autovacuum_vacuum_insert_threshold = -1);
comment on table tributary.delayed is 'Events that wait for their time, and those that have gone since and were not cleared away yet.';

-- Which of the two takes rows. Its row is also the turn of all who deliver, sort, cancel or advance delayed events.
create table tributary.delayed_table (
    only_row    boolean primary key default true check (only_row),
    current     integer not null default 0 check (current in (0, 1)),
    switched_at timestamptz not null default now()
);
insert into tributary.delayed_table default values;

create table tributary.delayed_slice (
    name        text primary key,
    from_at     timestamptz not null,
    until_at    timestamptz not null
);

-- Deliveries. Of a queue exactly those events have gone whose (due_at, id) is at or before that of its newest run and whose
-- transaction that run's snapshot sees.
create table tributary.delayed_run (
    central_queue   text not null,
    n               bigint not null,
    until_at        timestamptz not null,
    until_id        bigint not null,
    snapshot        txid_snapshot not null,
    -- Newest id when the snapshot was taken.
    last_id         bigint not null,
    events          bigint not null,
    xid             bigint not null default txid_current(),
    at              timestamptz not null default clock_timestamp(),
    primary key (central_queue, n)
);

-- How many wait: what came, less what has gone. Summed up and emptied now and then.
create table tributary.delayed_sum (
    central_queue   text not null,
    events          bigint not null
);

-- Those that an operator cancelled, without their data, for `trace`.
create table tributary.delayed_cancelled (
    id              bigint not null,
    central_queue   text not null,
    txid            bigint not null,
    due_at          timestamptz not null,
    ev_time         timestamptz,
    ev_type         text,
    ev_extra1       text,
    ev_extra2       text,
    ev_extra3       text,
    ev_extra4       text,
    cancelled_at    timestamptz not null default clock_timestamp(),
    cancelled_by    text
);
create index delayed_cancelled_txid on tributary.delayed_cancelled (txid);
create index delayed_cancelled_at on tributary.delayed_cancelled (cancelled_at);

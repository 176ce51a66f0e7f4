-- What handlers publish on channels for browsers. Insert-only: two tables take turns and are emptied by TRUNCATE, so a reader that
-- was away for a minute or two misses nothing, and nothing is kept for ever.
create sequence tributary.published_id;
create table tributary.published (
    id          bigint not null default nextval('tributary.published_id'),
    xid         bigint not null default txid_current(),
    channel     text not null,
    -- Null: `message`, as browsers call what has no name.
    type        text,
    -- JSON.
    data        text not null,
    at          timestamptz not null default clock_timestamp()
);
create table tributary.published_0 () inherits (tributary.published);
create table tributary.published_1 () inherits (tributary.published);
create index published_0_xid on tributary.published_0 (xid);
create index published_1_xid on tributary.published_1 (xid);
alter table tributary.published_0 set (autovacuum_vacuum_insert_threshold = -1);
alter table tributary.published_1 set (autovacuum_vacuum_insert_threshold = -1);
comment on table tributary.published is 'Messages that handlers have published on channels, for as long as a browser may come back for them.';

-- Marks in what was published, as ticks are in a queue: whoever reads, reads from mark to mark, so that all readers see one
-- order, though transactions commit in another one than their numbers.
create table tributary.published_tick (
    tick        bigint primary key,
    snapshot    txid_snapshot not null,
    at          timestamptz not null default clock_timestamp()
);
insert into tributary.published_tick (tick, snapshot) values (0, txid_current_snapshot());

-- Which of the two takes rows, and the first tick behind which everything is still there. Its row is also the turn of those who tick.
create table tributary.published_table (
    only_row    boolean primary key default true check (only_row),
    current     integer not null default 0 check (current in (0, 1)),
    switched_at timestamptz not null default now(),
    gone_tick   bigint not null default 0
);
insert into tributary.published_table default values;

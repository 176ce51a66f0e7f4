-- Of events with one key only the first goes into its central queue, for some time. They come as delayed events do, and the run that
-- would deliver them decides, one at a time; so nobody waits for anybody's key. Two tables of keys, and of what was left out, take
-- turns and are emptied by TRUNCATE.
alter table tributary.delayed add column unique_key text;
alter table tributary.delayed_sum add column left_out bigint not null default 0;

create table tributary.unique_key (
    central_queue   text not null,
    -- A hash of it.
    key             text not null,
    -- Of the event that went in, as a delayed event, and when it did.
    id              bigint not null,
    at              timestamptz not null
);
create table tributary.unique_key_0 (primary key (central_queue, key)) inherits (tributary.unique_key);
create table tributary.unique_key_1 (primary key (central_queue, key)) inherits (tributary.unique_key);

create table tributary.unique_left (
    central_queue   text not null,
    id              bigint not null,
    txid            bigint not null,
    ev_time         timestamptz,
    ev_type         text,
    ev_extra1       text,
    ev_extra2       text,
    ev_extra3       text,
    ev_extra4       text,
    due_at          timestamptz not null,
    at              timestamptz not null
);
create table tributary.unique_left_0 () inherits (tributary.unique_left);
create table tributary.unique_left_1 () inherits (tributary.unique_left);
create index unique_left_0_txid on tributary.unique_left_0 (txid);
create index unique_left_1_txid on tributary.unique_left_1 (txid);
alter table tributary.unique_left_0 set (autovacuum_vacuum_insert_threshold = -1);
alter table tributary.unique_left_1 set (autovacuum_vacuum_insert_threshold = -1);
comment on table tributary.unique_left is 'Events that did not go into their queue because one with the same key had, without their data; for trace.';

create table tributary.unique_table (
    only_row    boolean primary key default true check (only_row),
    current     integer not null default 0 check (current in (0, 1)),
    switched_at timestamptz not null default now()
);
insert into tributary.unique_table default values;

-- Lanes: the events of a group by a key, those of one lane handled one after another. All lanes read the one queue, each from a
-- position of its own, by an index of its event tables.
create table tributary.lane_set (
    queue_id    integer not null,
    -- Of the group; groups keep it when they are renamed.
    sub_id      integer not null,
    -- 0: none, its batches go to any of its members.
    lanes       integer not null default 0,
    key         text,
    -- A change that is under way: from the tick `mark` on these count.
    next_lanes  integer,
    next_key    text,
    mark        bigint,
    -- An event that fails makes those behind it with its key wait.
    pauses      boolean not null default false,
    changed_at  timestamptz not null default now(),
    primary key (queue_id, sub_id)
);
comment on table tributary.lane_set is 'How many lanes a group has and by what key; a row for each group that has, or is to get, some.';

-- Changed with each batch of a lane, and never by an indexed column.
create table tributary.lane (
    queue_id    integer not null,
    sub_id      integer not null,
    lane        integer not null,
    -- Which of the 64 buckets of keys are its own.
    buckets     integer[] not null,
    -- The tick up to which its events were handed out; PgQ's own position of the group follows the last of its lanes.
    position    bigint not null,
    -- Token of the batch that is open; null: the lane is free.
    batch       bigint,
    primary key (queue_id, sub_id, lane)
) with (fillfactor = 20);
comment on table tributary.lane is 'The lanes of groups, each with its position; a batch of one is a batch of the group''s members as any other.';

-- Batches of several lanes may have the same ticks.
alter table tributary.coop_opening add column lane integer not null default -1;
alter table tributary.coop_opening drop constraint coop_opening_pkey;
alter table tributary.coop_opening add constraint coop_opening_pkey primary key (queue_id, sub_id, start_tick, end_tick, lane);
comment on column tributary.coop_opening.lane is 'Of a batch of a lane; -1: the group has none.';

-- They have other parameters, or tell more, now.
drop function if exists tributary.coop_next_batch(text, text, text, interval, interval, integer, interval, boolean);
drop function if exists tributary.coop_end_tick(integer, bigint, interval, integer, interval);
drop function if exists tributary.lag_rows(text, txid_snapshot, txid_snapshot, integer, integer);
drop function if exists tributary.lag_central(text[], text);

-- Lanes whose keys pause when an event fails: its followers with the same key wait here, in their order, so that they hold neither
-- the lane nor rotation back.
create table tributary.paused_key (
    queue_id    integer not null,
    sub_id      integer not null,
    -- md5 of the key, whatever its length.
    hash        text not null,
    -- Its beginning, for people.
    key         text not null,
    bucket      integer not null,
    since       timestamptz not null default now(),
    -- The event that failed, and when it is tried again.
    ev_id       bigint not null,
    next_at     timestamptz not null,
    attempts    integer not null,
    last_error  text,
    -- Token of the batch that tries it again; null: it waits.
    batch       bigint,
    primary key (queue_id, sub_id, hash)
);
comment on table tributary.paused_key is 'Keys with an event that failed and waits to be tried again, in front of all others of the key.';

create table tributary.lane_waiting (
    id          bigint generated always as identity primary key,
    queue_id    integer not null,
    sub_id      integer not null,
    hash        text not null,
    ev_id       bigint not null,
    ev_time     timestamptz not null,
    ev_retry    integer,
    ev_type     text,
    ev_data     text,
    ev_extra1   text,
    ev_extra2   text,
    ev_extra3   text,
    ev_extra4   text
);
create index lane_waiting_key_idx on tributary.lane_waiting (queue_id, sub_id, hash, ev_id);
create index lane_waiting_event_idx on tributary.lane_waiting (queue_id, sub_id, ev_id);
comment on table tributary.lane_waiting is 'Events of paused keys: the one that failed, and those behind it.';

-- They have other parameters, or tell more, now.
drop function if exists tributary.put_off(text, text, json);
drop function if exists tributary.lag_central(text[], text);

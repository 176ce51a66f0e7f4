-- Changes of tables of the shards are applied to tables here. While older changes of the queue may still come, because they failed
-- and are tried again or are dead, account is kept of what was applied, so that none of them overwrites what is newer.
create table tributary.apply_newer (
    central_queue   text not null,
    -- The table, schema.name.
    applied         text not null,
    shard           text not null,
    -- Text of the key behind a sign; or: all keys of the shard.
    key             text not null,
    -- The last event of the central queue that was applied to it.
    event_id        bigint not null,
    primary key (central_queue, applied, shard, key)
);
comment on table tributary.apply_newer is 'Changes that were applied while older ones may still come late.';
create index dead_event_waiting on tributary.dead_event (central_queue) where redriven_at is null;

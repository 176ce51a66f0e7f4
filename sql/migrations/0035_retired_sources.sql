-- Where sources ended, for ever, and databases that shards have left: a name never comes to mean another database, and a mover with
-- an older file moves nothing from a server that a shard has left.

create table tributary.retired_source (
    id                  bigint generated always as identity primary key,
    shard               text not null,
    queue               text not null,
    central_queue       text not null,
    -- Which database it was, as in tributary.shard; null: not known.
    database            text,
    -- Its last position: everything up to this tick is in central, and nothing behind it. Null: it had none.
    tick_id             bigint,
    tick_time_us        bigint,
    tick_event_seq      bigint,
    tick_snapshot_md5   text,
    moved               bigint not null,
    -- Whether the shard was looked at: nothing was waiting there behind that tick.
    seen                boolean not null,
    retired_at          timestamptz not null default clock_timestamp(),
    retired_by          text not null,
    -- Shards that its producers write to from then on.
    successors          text[] not null default '{}'
);
create index retired_source_by_shard on tributary.retired_source (shard, queue);
comment on table tributary.retired_source is
    'Each end of a source, and where it was. Rows stay for ever: origins in central and in the tables of handlers begin with these names.';

alter table tributary.shard add column left_databases text[] not null default '{}';
alter table tributary.shard add column moved_at timestamptz;
comment on column tributary.shard.left_databases is 'Databases that it was, before it was moved to another server: nothing is moved from them any more.';

-- Their results have more columns now.
drop function if exists tributary.meet_shard(text, text);
drop function if exists tributary.source_states(text[]);

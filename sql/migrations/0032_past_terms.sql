-- Who held a shard before, for the dashboard: a row for each term that ended, and the last few of each shard.
create table tributary.past_term (
    resource    text not null,
    epoch       bigint not null,
    host        text,
    pid         integer,
    taken_at    timestamptz not null,
    -- When it was let go, or when its holder was last seen.
    ended_at    timestamptz not null,
    was_let_go  boolean not null,
    primary key (resource, epoch)
);
comment on table tributary.past_term is 'Terms of shards that have ended, the last 20 of each; written only when the holder changes.';

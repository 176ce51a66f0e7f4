-- Rows of the shards that were there before their changes were captured are copied, in pieces. One row for each table of a shard.
create table tributary.apply_copy (
    central_queue   text not null,
    -- The table here, and the one on the shard; schema.name.
    applied         text not null,
    shard           text not null,
    source          text not null,
    state           text not null check (state in ('copying', 'copied', 'repairing')),
    -- Texts of the key of the last row that was copied, in the order of the shard's index; null: none yet.
    copied_to       text[],
    rows            bigint not null default 0,
    begun_at        timestamptz not null default now(),
    ended_at        timestamptz,
    primary key (central_queue, applied, shard, source)
) with (fillfactor = 50);
comment on table tributary.apply_copy is 'Copies of tables of the shards: how far they are. The worker that applies changes waits for the piece at hand.';

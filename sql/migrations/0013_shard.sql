-- What a shard's database says of itself, so that its name never comes to mean another one, and names that it had before.

create table tributary.shard (
    name            text primary key,
    -- System identifier of the server and oid of the database; null: not seen, or the server does not tell.
    database        text,
    noted_at        timestamptz,
    -- Origins that were moved under them stay as they are.
    former_names    text[] not null default '{}'
);
comment on table tributary.shard is
    'Which database each shard is, by what that says of itself and not by its URL. A shard without a row was not seen yet.';

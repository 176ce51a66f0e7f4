-- Movers say what their shards hold, once a minute, so that nobody has to connect to each of them to learn that all is well.
create table tributary.shard_report (
    shard       text primary key,
    -- When a mover looked.
    at          timestamptz not null,
    -- The same for all databases of one server.
    server      text not null,
    -- The server's own name of the database.
    database    text not null,
    -- Those that were looked at.
    queues      text[] not null,
    -- Those that should have rotated by now and have not, each with what it holds; nearly always none.
    held        jsonb not null
) with (fillfactor = 50);
comment on table tributary.shard_report is 'What movers saw of their shards when they last looked, apart from how far sources are behind.';

-- An event that had to wait for its time is no older for it than its tick: the call says which transactions brought such events.
drop function if exists tributary.lag_rows(text, txid_snapshot, txid_snapshot, integer, integer, text);

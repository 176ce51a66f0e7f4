-- What a central queue with a `rate:` has been granted. Insert-only, newest by primary key: a row updated several times a
-- second would slow every grant down as long as anybody holds a snapshot.

create table tributary.rate_grant (
    central_queue   text not null,
    n               bigint not null,
    events          integer not null,
    -- The allowance is used up to this moment; what has accumulated since is free.
    used_until      timestamptz not null,
    primary key (central_queue, n)
);
comment on table tributary.rate_grant is
    'How many events of a central queue may start, as granted to its workers on all hosts; the newest row counts.';

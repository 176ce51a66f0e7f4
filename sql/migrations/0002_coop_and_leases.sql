-- Cooperative consumption (its tables beside pgq.subscription) and leases (who moves what, how many workers are wanted).

-- Batch ids of cooperative batches. PgQ's own sequence starts at 1 and never gets here; a number in JavaScript holds them all.
create sequence tributary.coop_token minvalue 1000000000000000 maxvalue 9007199254740991;

-- A batch that was opened once has no row here: the ordinary way of a batch writes to pgq.subscription alone.
create table tributary.coop_opening (
    queue_id    integer not null,
    sub_id      integer not null,
    start_tick  bigint not null,
    end_tick    bigint not null,
    openings    integer not null,
    primary key (queue_id, sub_id, start_tick, end_tick)
);
comment on table tributary.coop_opening is
    'How many times a batch was handed out, where that is more than once; the row goes when the batch is finished.';

create table tributary.member (
    id              uuid primary key,
    kind            text not null check (kind in ('mover', 'work')),
    host            text not null,
    -- The process, on its host.
    pid             integer,
    version         text,
    file_hash       text,
    details         jsonb not null default '{}',
    started_at      timestamptz not null,
    seen_at         timestamptz not null,
    ttl             interval not null,
    -- All leases of the member end here; read as at most now + ttl, for clocks jump.
    until           timestamptz not null,
    -- Since when no two of its beats were further apart than half its ttl.
    unbroken_since  timestamptz not null,
    beats           bigint not null default 0,
    -- The connection over which it beats.
    backend_pid     integer not null,
    backend_start   timestamptz not null
) with (fillfactor = 50);
comment on table tributary.member is 'Movers and worker hosts. One update a second each: a beat renews all leases of its member at once.';

create table tributary.term (
    resource    text primary key,
    -- Null: free. A term is (holder, epoch), compared as a pair.
    holder      uuid,
    epoch       bigint not null,
    taken_at    timestamptz not null,
    -- Of the last holder that let it go; null where it never did.
    freed_at    timestamptz
) with (fillfactor = 50);
comment on table tributary.term is 'One row per shard and per worker slot, written only when the holder changes; read it as tributary.lease.';

create view tributary.lease as
select t.resource, t.holder, t.epoch, least(m.until, clock_timestamp() + m.ttl) as until, m.kind, m.host, m.pid,
    m.backend_pid, m.backend_start, t.taken_at, t.freed_at,
    coalesce(m.until between clock_timestamp() and clock_timestamp() + m.ttl, false) as is_held
from tributary.term t
left join tributary.member m on m.id = t.holder;
comment on view tributary.lease is 'Who holds what: a term with its member. is_held tells whether it still runs.';

create table tributary.worker_pool (
    central_queue   text primary key,
    wanted          integer not null check (wanted >= 0),
    file_wanted     integer not null check (file_wanted >= 0),
    -- Null: as in the file.
    set_by          text,
    set_at          timestamptz not null default now()
);
comment on table tributary.worker_pool is 'How many workers a central queue shall have. An override stays until the number in the file changes.';

do $$
begin
    if to_regrole('pgq_reader') is not null then
        grant usage on schema tributary to pgq_reader;
    end if;
end;
$$;

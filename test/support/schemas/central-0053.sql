create schema tributary;
create table tributary.migration (version integer primary key, name text not null, applied_at timestamptz not null default now());
create table tributary.identity (
    only_row    boolean primary key default true check (only_row),
    id          uuid not null default gen_random_uuid(),
    name        text not null,
    created_at  timestamptz not null default now()
);
comment on table tributary.identity is
    'Made by the first install. The short id in the consumer''s name on the shards keeps a copy of the file from taking production''s events.';
create table tributary.source (
    id              integer generated always as identity primary key,
    shard           text not null,
    queue           text not null,
    central_queue   text not null,
    state           text not null default 'registering' check (state in ('registering', 'active', 'halted', 'retired')),
    halt_code       text,
    halt_reason     text,
    halted_at       timestamptz,
    paused_at       timestamptz,
    pause_reason    text,
    created_at      timestamptz not null default now(),
    unique (shard, queue)
);
comment on table tributary.source is
    'One row per queue on one shard. Only install creates a source; registering means that its position is not stored yet.';
create table tributary.position (
    source              integer not null,
    n                   bigint not null,
    tick_id             bigint not null,
    tick_time_us        bigint not null,
    tick_event_seq      bigint not null,
    tick_snapshot_md5   text not null,
    end_tick_id         bigint,
    end_tick_time_us    bigint,
    end_tick_event_seq  bigint,
    end_snapshot_md5    text,
    last_event_id       bigint,
    moved               bigint not null,
    at                  timestamptz not null default now()
);
create table tributary.position_0 (primary key (source, n)) inherits (tributary.position);
create table tributary.position_1 (primary key (source, n)) inherits (tributary.position);
alter table tributary.position_0 set (autovacuum_vacuum_insert_threshold = -1);
alter table tributary.position_1 set (autovacuum_vacuum_insert_threshold = -1);
create table tributary.position_table (
    only_row    boolean primary key default true check (only_row),
    current     integer not null default 0 check (current in (0, 1)),
    switched_at timestamptz not null default now()
);
insert into tributary.position_table default values;
comment on table tributary.position_table is 'Which of position_0 and position_1 takes the inserts; changed only under the exclusive lock that rotate_positions takes.';
create table tributary.source_lag (
    source          integer primary key references tributary.source on delete cascade,
    at              timestamptz not null,
    state           text not null,
    reason          text,
    mover           text,
    events_behind   bigint,
    exact           boolean not null default false,
    seconds_behind  double precision,
    last_tick       bigint,
    provider        text
) with (fillfactor = 50);
comment on table tributary.source_lag is 'The mover''s last seen figures; `at` tells their age.';
create table tributary.dead_event (
    id              bigint generated always as identity primary key,
    kind            text not null check (kind in ('poison', 'handler', 'killed', 'conflict')),
    central_queue   text not null,
    origin          text,
    shard           text,
    source_queue    text,
    ev_id           bigint,
    ev_time         timestamptz,
    ev_retry        integer,
    ev_type         text,
    ev_data         text,
    ev_extra1       text,
    ev_extra2       text,
    ev_extra3       text,
    ev_extra4       text,
    raw             bytea,
    raw_length      bigint,
    error           text not null,
    sqlstate        text,
    stack           text,
    attempts        integer not null default 1,
    first_at        timestamptz not null default now(),
    died_at         timestamptz not null default now()
);
create index dead_event_by_queue on tributary.dead_event (central_queue, id);
comment on table tributary.dead_event is 'Events that could not be moved (poison, with their bytes) or handled; they outlive queues and groups.';
insert into tributary.migration (version, name) values (1, 'central');
create sequence tributary.coop_token minvalue 1000000000000000 maxvalue 9007199254740991;
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
    pid             integer,
    version         text,
    file_hash       text,
    details         jsonb not null default '{}',
    started_at      timestamptz not null,
    seen_at         timestamptz not null,
    ttl             interval not null,
    until           timestamptz not null,
    unbroken_since  timestamptz not null,
    beats           bigint not null default 0,
    backend_pid     integer not null,
    backend_start   timestamptz not null
) with (fillfactor = 50);
comment on table tributary.member is 'Movers and worker hosts. One update a second each: a beat renews all leases of its member at once.';
create table tributary.term (
    resource    text primary key,
    holder      uuid,
    epoch       bigint not null,
    taken_at    timestamptz not null,
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
insert into tributary.migration (version, name) values (2, 'coop_and_leases');
create table tributary.attempt (
    central_queue   text not null,
    group_name      text not null,
    ev_id           bigint not null,
    origin          text not null,
    attempts        integer not null,
    last_error      text,
    first_at        timestamptz not null default now(),
    last_at         timestamptz not null default now(),
    next_at         timestamptz not null,
    primary key (central_queue, group_name, ev_id)
);
comment on table tributary.attempt is
    'One row per event that waits for another try; it goes when the event is handled or dead.';
create table tributary.narrowing (
    central_queue   text not null,
    group_name      text not null,
    start_tick      bigint not null,
    end_tick        bigint not null,
    last_event_id   bigint,
    running_first   bigint,
    running_last    bigint,
    running_events  integer,
    deaths          integer not null default 0,
    at              timestamptz not null default now(),
    primary key (central_queue, group_name, start_tick, end_tick)
);
comment on table tributary.narrowing is
    'One row per batch that killed its workers and is handled in ever smaller transactions until the event is found.';
insert into tributary.migration (version, name) values (3, 'attempts');
alter table tributary.source_lag alter column at drop not null;
alter table tributary.source_lag add column reported_at timestamptz;
comment on column tributary.source_lag.at is 'When the figures were seen; null: never.';
comment on column tributary.source_lag.reported_at is 'When a mover last said anything about the source.';
insert into tributary.migration (version, name) values (4, 'lag_reports');
alter table tributary.dead_event add column redriven_at timestamptz;
alter table tributary.dead_event add column redriven integer not null default 0;
comment on column tributary.dead_event.redriven_at is 'When the event was handed out again; null: it is dead.';
comment on column tributary.dead_event.redriven is
    'How many times somebody tried to hand it out again; central may have refused it each time.';
drop function if exists tributary.dead_list(text, text, text, text, interval, integer);
drop function if exists tributary.dead_show(bigint);
insert into tributary.migration (version, name) values (5, 'redriven');
drop function if exists tributary.lag_central(text[], text);
insert into tributary.migration (version, name) values (6, 'parked_in_lag');
create table tributary.rate_grant (
    central_queue   text not null,
    n               bigint not null,
    events          integer not null,
    used_until      timestamptz not null,
    primary key (central_queue, n)
);
comment on table tributary.rate_grant is
    'How many events of a central queue may start, as granted to its workers on all hosts; the newest row counts.';
insert into tributary.migration (version, name) values (7, 'rates');
drop function if exists tributary.narrowing_open(text, text, bigint, bigint);
insert into tributary.migration (version, name) values (8, 'last_call');
alter table tributary.worker_pool add column generation integer not null default 0;
comment on column tributary.worker_pool.generation is
    'Grows by one each time that all workers are to be replaced; hosts compare it with that of each process.';
insert into tributary.migration (version, name) values (9, 'renewals');
create sequence tributary.coop_plain_token minvalue 5000000000000000 maxvalue 9007199254740991;
drop function if exists tributary.coop_next_batch(text, text, text, interval, interval, integer, interval);
drop function if exists tributary.coop_open(tid, integer, integer, bigint, bigint);
insert into tributary.migration (version, name) values (11, 'progress');
alter table tributary.narrowing
    add column suspect_first bigint,
    add column suspect_last bigint,
    add column suspect_events integer,
    add column kills integer not null default 0,
    add column judged bigint;
comment on column tributary.narrowing.running_events is
    'The slice that a worker has begun and not ended; null: none is at work. Found here later it says where a worker died, not of what.';
drop function if exists tributary.narrowing_open(text, text, bigint, bigint, bigint[]);
insert into tributary.migration (version, name) values (12, 'deaths');
create table tributary.shard (
    name            text primary key,
    database        text,
    noted_at        timestamptz,
    former_names    text[] not null default '{}'
);
comment on table tributary.shard is
    'Which database each shard is, by what that says of itself and not by its URL. A shard without a row was not seen yet.';
insert into tributary.migration (version, name) values (13, 'shard');
create table tributary.lease_turn ();
create table tributary.source_turn ();
comment on table tributary.lease_turn is 'Locked while leases are taken.';
comment on table tributary.source_turn is 'Locked while sources are registered.';
insert into tributary.migration (version, name) values (18, 'turns');
create index dead_event_by_age on tributary.dead_event (central_queue, (coalesce(redriven_at, died_at)));
insert into tributary.migration (version, name) values (20, 'dead_by_age');
drop function if exists tributary.lag_central(text[], text);
insert into tributary.migration (version, name) values (21, 'trouble_in_lag');
alter table tributary.source_lag add column state_since timestamptz;
comment on column tributary.source_lag.state_since is 'Since when movers say this state; null: they said it before anybody noted.';
drop function if exists tributary.lag_central(text[], text);
drop function if exists tributary.lag_sources();
insert into tributary.migration (version, name) values (24, 'rates_in_lag');
alter table tributary.source add column paused_by text;
comment on column tributary.source.paused_by is 'Who paused it, for people; null: not paused, or it was not noted.';
alter table tributary.source_lag add column cause text;
comment on column tributary.source_lag.cause is 'The name that doctor has for the reason.';
drop function if exists tributary.lag_sources();
drop function if exists tributary.pause_sources(integer[], text);
insert into tributary.migration (version, name) values (25, 'causes');
create table tributary.handled (
    central_queue   text not null,
    start_tick      bigint not null,
    end_tick        bigint not null,
    last_event_id   bigint,
    token           bigint not null,
    openings        integer not null,
    worker          text not null,
    host            text,
    pid             integer not null,
    events          integer not null,
    put_off         integer not null,
    dead            integer not null,
    calls           integer not null,
    calls_ms        real not null,
    longest_ms      real not null,
    fates           text,
    xid             bigint not null default txid_current(),
    at              timestamptz not null default clock_timestamp()
);
create table tributary.handled_0 () inherits (tributary.handled);
create table tributary.handled_1 () inherits (tributary.handled);
create index handled_0_by_tick on tributary.handled_0 (central_queue, end_tick);
create index handled_1_by_tick on tributary.handled_1 (central_queue, end_tick);
create index handled_0_fates on tributary.handled_0 (central_queue, end_tick) where fates is not null;
create index handled_1_fates on tributary.handled_1 (central_queue, end_tick) where fates is not null;
alter table tributary.handled_0 set (autovacuum_vacuum_insert_threshold = -1);
alter table tributary.handled_1 set (autovacuum_vacuum_insert_threshold = -1);
comment on table tributary.handled is 'Which worker handled which part of which batch, and when: the history that `trace` reads.';
create table tributary.handled_table (
    only_row    boolean primary key default true check (only_row),
    current     integer not null default 0 check (current in (0, 1)),
    switched_at timestamptz not null default now()
);
insert into tributary.handled_table default values;
insert into tributary.migration (version, name) values (26, 'handled');
alter table tributary.position add column xid bigint, add column mover text;
alter table tributary.position alter column xid set default txid_current();
comment on column tributary.position.xid is 'The transaction that inserted it, with its events; null: from before this was noted.';
comment on column tributary.position.mover is 'Host of the mover; null: made by a command, or by a mover of an older version.';
drop function if exists tributary.insert_positions(jsonb);
insert into tributary.migration (version, name) values (27, 'position_commit');
create table tributary.queue_history (
    central_queue   text not null,
    at              timestamptz not null,
    in_rate         real,
    out_rate        real,
    waiting         bigint,
    age             real,
    workers_up      integer not null,
    workers_wanted  integer,
    retrying        bigint not null,
    dead            bigint not null
);
create table tributary.queue_history_0 (primary key (central_queue, at)) inherits (tributary.queue_history);
create table tributary.queue_history_1 (primary key (central_queue, at)) inherits (tributary.queue_history);
alter table tributary.queue_history_0 set (autovacuum_vacuum_insert_threshold = -1);
alter table tributary.queue_history_1 set (autovacuum_vacuum_insert_threshold = -1);
comment on table tributary.queue_history is 'What lag showed of each central queue, every ten seconds of the last day at least; null: not known.';
create table tributary.queue_history_table (
    only_row    boolean primary key default true check (only_row),
    current     integer not null default 0 check (current in (0, 1)),
    switched_at timestamptz not null default now(),
    noted_at    timestamptz not null default '-infinity'
);
insert into tributary.queue_history_table default values;
insert into tributary.migration (version, name) values (28, 'queue_history');
create table tributary.logbook (
    id              bigint generated always as identity primary key,
    at              timestamptz not null default clock_timestamp(),
    who             text,
    via             text not null check (via in ('cli', 'page', 'program')),
    kind            text not null,
    central_queues  text[],
    what            text not null
);
create index logbook_by_time on tributary.logbook (at);
comment on table tributary.logbook is 'Operators'' actions, each written by the transaction that did it, and what else the charts are marked with. Kept for 90 days.';
insert into tributary.migration (version, name) values (29, 'logbook');
create table tributary.mover_report (
    member  uuid primary key,
    at      timestamptz not null,
    age     interval not null
) with (fillfactor = 50);
comment on table tributary.mover_report is 'When a mover last said that its reports in source_lag still hold. One update a report, several a second.';
alter table tributary.source_lag add column member uuid;
alter table tributary.source_lag add column stands boolean not null default false;
alter table tributary.source_lag add column ages boolean not null default false;
comment on table tributary.source_lag is 'What movers reported of sources, written where it changes; read it as tributary.source_report.';
comment on column tributary.source_lag.member is 'The mover whose report it is, as long as it looks after the source.';
comment on column tributary.source_lag.stands is 'The figures hold for as long as the mover reports; else only when they were seen.';
comment on column tributary.source_lag.ages is 'The same event is the oldest as long as the figures stand: seconds_behind grows with time.';
create view tributary.source_report as
select l.source, l.member, l.mover, l.state, l.reason, l.state_since, greatest(l.reported_at, r.at) as reported_at,
    case when l.stands then greatest(l.at, r.at - r.age) else l.at end as at,
    l.events_behind, l.exact,
    l.seconds_behind + case
        when l.stands and l.ages then greatest(extract(epoch from r.at - r.age - l.at)::double precision, 0) else 0 end
        as seconds_behind,
    l.ages, l.last_tick, l.provider, l.cause
from tributary.source_lag l
left join tributary.mover_report r on r.member = l.member;
comment on view tributary.source_report is
    'The last report on each source: what a mover says (reported_at), and how far behind it was when that was seen (at).';
drop function if exists tributary.store_lag(text, jsonb);
drop function if exists tributary.lag_sources();
insert into tributary.migration (version, name) values (30, 'reports_that_stand');
alter table tributary.worker_pool add column renewed_at timestamptz;
comment on column tributary.worker_pool.renewed_at is 'When generation last grew; null: it did not, or that was not noted.';
insert into tributary.migration (version, name) values (31, 'reloaded_at');
create table tributary.past_term (
    resource    text not null,
    epoch       bigint not null,
    host        text,
    pid         integer,
    taken_at    timestamptz not null,
    ended_at    timestamptz not null,
    was_let_go  boolean not null,
    primary key (resource, epoch)
);
comment on table tributary.past_term is 'Terms of shards that have ended, the last 20 of each; written only when the holder changes.';
insert into tributary.migration (version, name) values (32, 'past_terms');
create table tributary.file_request (
    n           bigint generated always as identity primary key,
    asked_at    timestamptz not null default now(),
    asked_by    text not null
);
comment on table tributary.file_request is 'Requests to all members to read their files again.';
insert into tributary.migration (version, name) values (34, 'file_requests');
create table tributary.retired_source (
    id                  bigint generated always as identity primary key,
    shard               text not null,
    queue               text not null,
    central_queue       text not null,
    database            text,
    tick_id             bigint,
    tick_time_us        bigint,
    tick_event_seq      bigint,
    tick_snapshot_md5   text,
    moved               bigint not null,
    seen                boolean not null,
    retired_at          timestamptz not null default clock_timestamp(),
    retired_by          text not null,
    successors          text[] not null default '{}'
);
create index retired_source_by_shard on tributary.retired_source (shard, queue);
comment on table tributary.retired_source is
    'Each end of a source, and where it was. Rows stay for ever: origins in central and in the tables of handlers begin with these names.';
alter table tributary.shard add column left_databases text[] not null default '{}';
alter table tributary.shard add column moved_at timestamptz;
comment on column tributary.shard.left_databases is 'Databases that it was, before it was moved to another server: nothing is moved from them any more.';
drop function if exists tributary.meet_shard(text, text);
drop function if exists tributary.source_states(text[]);
insert into tributary.migration (version, name) values (35, 'retired_sources');
create sequence tributary.delayed_id;
create table tributary.delayed (
    central_queue   text not null default current_setting('tributary.delayed_queue'),
    txid            bigint not null default txid_current(),
    id              bigint not null default nextval('tributary.delayed_id'),
    due_at          timestamptz,
    ev_time         timestamptz,
    ev_type         text,
    ev_data         text,
    ev_extra1       text,
    ev_extra2       text,
    ev_extra3       text,
    ev_extra4       text
);
create table tributary.delayed_0 () inherits (tributary.delayed);
create table tributary.delayed_1 () inherits (tributary.delayed);
create index delayed_0_due on tributary.delayed_0 (central_queue, due_at, id) where due_at is not null;
create index delayed_1_due on tributary.delayed_1 (central_queue, due_at, id) where due_at is not null;
create index delayed_0_txid on tributary.delayed_0 (txid);
create index delayed_1_txid on tributary.delayed_1 (txid);
alter table tributary.delayed_0 set (autovacuum_vacuum_insert_threshold = -1);
alter table tributary.delayed_1 set (autovacuum_vacuum_insert_threshold = -1);
comment on table tributary.delayed is 'Events that wait for their time, and those that have gone since and were not cleared away yet.';
create table tributary.delayed_table (
    only_row    boolean primary key default true check (only_row),
    current     integer not null default 0 check (current in (0, 1)),
    switched_at timestamptz not null default now()
);
insert into tributary.delayed_table default values;
create table tributary.delayed_slice (
    name        text primary key,
    from_at     timestamptz not null,
    until_at    timestamptz not null
);
create table tributary.delayed_run (
    central_queue   text not null,
    n               bigint not null,
    until_at        timestamptz not null,
    until_id        bigint not null,
    snapshot        txid_snapshot not null,
    last_id         bigint not null,
    events          bigint not null,
    xid             bigint not null default txid_current(),
    at              timestamptz not null default clock_timestamp(),
    primary key (central_queue, n)
);
create table tributary.delayed_sum (
    central_queue   text not null,
    events          bigint not null
);
create table tributary.delayed_cancelled (
    id              bigint not null,
    central_queue   text not null,
    txid            bigint not null,
    due_at          timestamptz not null,
    ev_time         timestamptz,
    ev_type         text,
    ev_extra1       text,
    ev_extra2       text,
    ev_extra3       text,
    ev_extra4       text,
    cancelled_at    timestamptz not null default clock_timestamp(),
    cancelled_by    text
);
create index delayed_cancelled_txid on tributary.delayed_cancelled (txid);
create index delayed_cancelled_at on tributary.delayed_cancelled (cancelled_at);
insert into tributary.migration (version, name) values (37, 'delayed');
create table tributary.schedule (
    name            text primary key,
    spec            text not null,
    decided_at      timestamptz not null,
    last_due_at     timestamptz,
    last_sent_at    timestamptz,
    sent            bigint not null default 0,
    passed_over     bigint not null default 0,
    paused_at       timestamptz,
    paused_by       text
) with (fillfactor = 50);
comment on table tributary.schedule is 'Up to where the schedules of the file have been decided.';
insert into tributary.migration (version, name) values (38, 'schedules');
alter table tributary.delayed add column unique_key text;
alter table tributary.delayed_sum add column left_out bigint not null default 0;
create table tributary.unique_key (
    central_queue   text not null,
    key             text not null,
    id              bigint not null,
    at              timestamptz not null
);
create table tributary.unique_key_0 (primary key (central_queue, key)) inherits (tributary.unique_key);
create table tributary.unique_key_1 (primary key (central_queue, key)) inherits (tributary.unique_key);
create table tributary.unique_left (
    central_queue   text not null,
    id              bigint not null,
    txid            bigint not null,
    ev_time         timestamptz,
    ev_type         text,
    ev_extra1       text,
    ev_extra2       text,
    ev_extra3       text,
    ev_extra4       text,
    due_at          timestamptz not null,
    at              timestamptz not null
);
create table tributary.unique_left_0 () inherits (tributary.unique_left);
create table tributary.unique_left_1 () inherits (tributary.unique_left);
create index unique_left_0_txid on tributary.unique_left_0 (txid);
create index unique_left_1_txid on tributary.unique_left_1 (txid);
alter table tributary.unique_left_0 set (autovacuum_vacuum_insert_threshold = -1);
alter table tributary.unique_left_1 set (autovacuum_vacuum_insert_threshold = -1);
comment on table tributary.unique_left is 'Events that did not go into their queue because one with the same key had, without their data; for trace.';
create table tributary.unique_table (
    only_row    boolean primary key default true check (only_row),
    current     integer not null default 0 check (current in (0, 1)),
    switched_at timestamptz not null default now()
);
insert into tributary.unique_table default values;
insert into tributary.migration (version, name) values (39, 'unique');
create table tributary.dead_run (
    id              uuid primary key,
    host            text not null,
    central_queue   text not null,
    kind            text not null,
    error           text not null,
    events          bigint not null,
    done            bigint not null default 0,
    per_second      double precision not null,
    began_at        timestamptz not null default clock_timestamp(),
    seen_at         timestamptz not null default clock_timestamp(),
    stop_wanted     boolean not null default false
) with (fillfactor = 50);
comment on table tributary.dead_run is 'Retries of dead events that are under way, and where.';
insert into tributary.migration (version, name) values (40, 'dead_runs');
alter table tributary.source add column routes text[];
comment on column tributary.source.routes is 'All central queues that install has led the source to, central_queue among them; null: that one alone.';
alter table tributary.position add column unrouted bigint;
comment on column tributary.position.unrouted is 'Events since the source was installed that no route took; null: none.';
drop function if exists tributary.sources_of(text[]);
drop function if exists tributary.lag_sources();
insert into tributary.migration (version, name) values (41, 'routes');
create sequence tributary.published_id;
create table tributary.published (
    id          bigint not null default nextval('tributary.published_id'),
    xid         bigint not null default txid_current(),
    channel     text not null,
    type        text,
    data        text not null,
    at          timestamptz not null default clock_timestamp()
);
create table tributary.published_0 () inherits (tributary.published);
create table tributary.published_1 () inherits (tributary.published);
create index published_0_xid on tributary.published_0 (xid);
create index published_1_xid on tributary.published_1 (xid);
alter table tributary.published_0 set (autovacuum_vacuum_insert_threshold = -1);
alter table tributary.published_1 set (autovacuum_vacuum_insert_threshold = -1);
comment on table tributary.published is 'Messages that handlers have published on channels, for as long as a browser may come back for them.';
create table tributary.published_tick (
    tick        bigint primary key,
    snapshot    txid_snapshot not null,
    at          timestamptz not null default clock_timestamp()
);
insert into tributary.published_tick (tick, snapshot) values (0, txid_current_snapshot());
create table tributary.published_table (
    only_row    boolean primary key default true check (only_row),
    current     integer not null default 0 check (current in (0, 1)),
    switched_at timestamptz not null default now(),
    gone_tick   bigint not null default 0
);
insert into tributary.published_table default values;
insert into tributary.migration (version, name) values (42, 'published');
alter table tributary.dead_event add column group_name text;
drop function if exists tributary.dead_list(jsonb, integer);
drop function if exists tributary.dead_show(bigint);
insert into tributary.migration (version, name) values (45, 'groups');
create table tributary.lane_set (
    queue_id    integer not null,
    sub_id      integer not null,
    lanes       integer not null default 0,
    key         text,
    next_lanes  integer,
    next_key    text,
    mark        bigint,
    pauses      boolean not null default false,
    changed_at  timestamptz not null default now(),
    primary key (queue_id, sub_id)
);
comment on table tributary.lane_set is 'How many lanes a group has and by what key; a row for each group that has, or is to get, some.';
create table tributary.lane (
    queue_id    integer not null,
    sub_id      integer not null,
    lane        integer not null,
    buckets     integer[] not null,
    position    bigint not null,
    batch       bigint,
    primary key (queue_id, sub_id, lane)
) with (fillfactor = 20);
comment on table tributary.lane is 'The lanes of groups, each with its position; a batch of one is a batch of the group''s members as any other.';
alter table tributary.coop_opening add column lane integer not null default -1;
alter table tributary.coop_opening drop constraint coop_opening_pkey;
alter table tributary.coop_opening add constraint coop_opening_pkey primary key (queue_id, sub_id, start_tick, end_tick, lane);
comment on column tributary.coop_opening.lane is 'Of a batch of a lane; -1: the group has none.';
drop function if exists tributary.coop_next_batch(text, text, text, interval, interval, integer, interval, boolean);
drop function if exists tributary.coop_end_tick(integer, bigint, interval, integer, interval);
drop function if exists tributary.lag_rows(text, txid_snapshot, txid_snapshot, integer, integer);
drop function if exists tributary.lag_central(text[], text);
insert into tributary.migration (version, name) values (46, 'lanes');
create table tributary.paused_key (
    queue_id    integer not null,
    sub_id      integer not null,
    hash        text not null,
    key         text not null,
    bucket      integer not null,
    since       timestamptz not null default now(),
    ev_id       bigint not null,
    next_at     timestamptz not null,
    attempts    integer not null,
    last_error  text,
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
drop function if exists tributary.put_off(text, text, json);
drop function if exists tributary.lag_central(text[], text);
insert into tributary.migration (version, name) values (47, 'paused_keys');
alter table tributary.handled add column lane integer;
comment on column tributary.handled.lane is 'Lane that the batch was of; null: its group had none.';
drop function if exists tributary.note_handled(
    text, bigint, bigint, bigint, bigint, integer, text, text, integer, integer, integer, integer, integer, real, real, text);
insert into tributary.migration (version, name) values (48, 'lanes_in_history');
alter table tributary.lane_set add column fair boolean not null default false;
alter table tributary.lane_set add column per_key double precision;
comment on column tributary.lane_set.fair is 'A batch has at most some events of one key; the others wait for the next ones.';
comment on column tributary.lane_set.per_key is 'Events of one key that may be handed out a second; null: any number.';
alter table tributary.paused_key add column waits_for text not null default 'retry' check (waits_for in ('retry', 'turn', 'rate'));
alter table tributary.paused_key add column upto bigint;
create index paused_key_due_idx on tributary.paused_key (queue_id, sub_id, next_at) where batch is null;
comment on column tributary.paused_key.upto is 'Last of its events that the batch which tries it has; null: it has all of them.';
create table tributary.key_rate (
    queue_id    integer not null,
    sub_id      integer not null,
    hash        text not null,
    used_until  timestamptz not null,
    primary key (queue_id, sub_id, hash)
) with (fillfactor = 50);
comment on table tributary.key_rate is 'How much of its rate each key has used lately, in queues that limit their keys.';
drop function if exists tributary.lanes_set(text, text, text, integer, boolean);
drop function if exists tributary.lane_sql(bigint, text);
drop function if exists tributary.lane_cursor(bigint, text, integer, text);
insert into tributary.migration (version, name) values (49, 'key_limits');
create table tributary.apply_newer (
    central_queue   text not null,
    applied         text not null,
    shard           text not null,
    key             text not null,
    event_id        bigint not null,
    primary key (central_queue, applied, shard, key)
);
comment on table tributary.apply_newer is 'Changes that were applied while older ones may still come late.';
create index dead_event_waiting on tributary.dead_event (central_queue) where redriven_at is null;
insert into tributary.migration (version, name) values (50, 'apply');
create table tributary.apply_copy (
    central_queue   text not null,
    applied         text not null,
    shard           text not null,
    source          text not null,
    state           text not null check (state in ('copying', 'copied', 'repairing')),
    copied_to       text[],
    rows            bigint not null default 0,
    begun_at        timestamptz not null default now(),
    ended_at        timestamptz,
    primary key (central_queue, applied, shard, source)
) with (fillfactor = 50);
comment on table tributary.apply_copy is 'Copies of tables of the shards: how far they are. The worker that applies changes waits for the piece at hand.';
insert into tributary.migration (version, name) values (51, 'apply_copy');
alter table tributary.dead_run
    alter column central_queue drop not null,
    alter column kind drop not null,
    alter column error drop not null,
    alter column per_second drop not null,
    add column what text,
    add column who text;
comment on column tributary.dead_run.central_queue is 'The queue of the dead events, or its group; null: they are of several. So are kind and error.';
comment on column tributary.dead_run.what is 'Which dead events, in words; null: those of the queue, kind and error.';
comment on column tributary.dead_run.who is 'Who began it; null: a program of an older version did not say.';
drop function if exists tributary.source_windows(text, text, integer);
insert into tributary.migration (version, name) values (53, 'watched_more');
create or replace function tributary.apply_look(x_queue text, x_group text, x_tables text[], x_failed_at text, x_shards text[])
returns json as $$
declare
    v_at        text := extract(epoch from now())::text;
    v_late      boolean := x_failed_at is not distinct from extract(epoch from now())::text
        or exists (select from tributary.attempt a where a.central_queue = x_queue and a.group_name = x_group)
        or exists (select from tributary.dead_event d where d.central_queue = x_queue and d.redriven_at is null)
        or exists (select from tributary.dead_event d
                   where d.central_queue = x_queue and coalesce(d.redriven_at, d.died_at) > now() - interval '1 hour');
begin
    perform from tributary.apply_copy c
    where c.central_queue = x_queue and c.shard = any (x_shards) and c.state in ('copying', 'repairing')
    order by c.applied, c.shard, c.source for share;
    if not v_late and exists (select from tributary.apply_newer n where n.central_queue = x_queue) then
        delete from tributary.apply_newer n where n.central_queue = x_queue;
    end if;
    return json_build_object('at', v_at, 'late', v_late, 'tables', (
        select json_agg(tributary.apply_table(t.name) order by t.n)
        from unnest(x_tables) with ordinality t (name, n)));
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.apply_table(x_table text)
returns json as $$
    select json_build_object(
        'columns', (
            select json_agg(json_build_object(
                'name', a.attname, 'type', format_type(a.atttypid, -1), 'isGenerated', a.attgenerated <> '',
                'isIdentity', a.attidentity = 'a',
                'isPlain', a.atttypid = any ('{int2,int4,int8,text,varchar,bpchar,uuid,name,oid}'::regtype[])
                           or y.typtype = 'e') order by a.attnum)
            from pg_attribute a join pg_type y on y.oid = a.atttypid
            where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
        'keys', (
            select coalesce(json_agg(k.names), '[]')
            from pg_index i
            cross join lateral (
                select json_agg(a.attname order by n) as names, count(*) as columns
                from unnest(i.indkey::int2[]) with ordinality u (attnum, n)
                join pg_attribute a on a.attrelid = i.indrelid and a.attnum = u.attnum
                where n <= i.indnkeyatts) k
            where i.indrelid = c.oid and i.indisunique and i.indimmediate and i.indisvalid and i.indpred is null
              and k.columns = i.indnkeyatts))
    from pg_class c
    where c.oid = to_regclass(x_table) and c.relkind in ('r', 'p')
$$ language sql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.coop_finish_batch(batch_id bigint)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_mine  pgq.subscription;
    v_name  text;
    v_lane  integer;
begin
    select * into v_mine from pgq.subscription where sub_batch = batch_id for update;
    if not found then
        raise exception using errcode = 'TB001', message = format(
            'Batch %s was taken over or is already finished: what was done for it is rolled back.', coalesce(batch_id::text, 'NULL'));
    end if;
    if batch_id < 1000000000000000 then
        select c.co_name into v_name from pgq.consumer c where c.co_id = v_mine.sub_consumer;
        perform 1
        from pgq.subscription s join pgq.consumer c on c.co_id = s.sub_consumer
        where s.sub_queue = v_mine.sub_queue and s.sub_id = v_mine.sub_id and s.sub_consumer <> v_mine.sub_consumer
            and starts_with(v_name, c.co_name || '.');
        if not found then
            raise exception using errcode = 'wrong_object_type', message = format(
                'Batch %s belongs to consumer %s, which is no member of a group: finish it with pgq.finish_batch.', batch_id, v_name);
        end if;
    end if;
    if batch_id < 1000000000000000 or batch_id >= 5000000000000000 then
        perform tributary.coop_forget_attempts(batch_id);
    end if;
    if v_mine.sub_active <= to_timestamp(0) or v_name like E'%.\\%batch %' then
        perform tributary.coop_forget(v_mine.sub_queue, v_mine.sub_consumer);
    else
        update pgq.subscription
        set sub_last_tick = null, sub_next_tick = null, sub_batch = null, sub_active = clock_timestamp()
        where sub_batch = batch_id;
    end if;
    update tributary.lane l set batch = null
    where l.queue_id = v_mine.sub_queue and l.sub_id = v_mine.sub_id and l.batch = v_mine.sub_batch
    returning l.lane into v_lane;
    if v_lane is not null then
        perform tributary.lane_done(batch_id, null);
    end if;
    delete from tributary.coop_opening o
    where o.queue_id = v_mine.sub_queue and o.sub_id = v_mine.sub_id
        and o.start_tick = v_mine.sub_last_tick and o.end_tick = v_mine.sub_next_tick and o.lane = coalesce(v_lane, -1);
    delete from tributary.narrowing n
    using pgq.queue q
    where q.queue_id = v_mine.sub_queue and n.central_queue = q.queue_name
        and n.start_tick = v_mine.sub_last_tick and n.end_tick = v_mine.sub_next_tick
        and exists (
            select from pgq.subscription g join pgq.consumer c on c.co_id = g.sub_consumer
            where n.group_name = c.co_name || coalesce('@' || v_lane, '') and g.sub_queue = v_mine.sub_queue and g.sub_id = v_mine.sub_id);
    return 1;
end;
$$;
revoke all on function tributary.coop_finish_batch(bigint) from public;
do $$
begin
    if to_regrole('pgq_reader') is not null then
        grant execute on function tributary.coop_finish_batch(bigint) to pgq_reader;
    end if;
end;
$$;
create or replace function tributary.coop_forget_attempts(batch_id bigint)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_batch record;
begin
    select q.queue_name, g.co_name, b.sub_id into v_batch
    from pgq.subscription b
    join pgq.queue q on q.queue_id = b.sub_queue
    join pgq.subscription s on s.sub_queue = b.sub_queue and s.sub_id = b.sub_id and s.sub_consumer <> b.sub_consumer
    join pgq.consumer g on g.co_id = s.sub_consumer
    where b.sub_batch = batch_id
        and exists (select from tributary.attempt a where a.central_queue = q.queue_name and a.group_name = g.co_name)
    limit 1;
    if not found then
        return;
    end if;
    delete from tributary.attempt a
    using pgq.get_batch_events(batch_id) e
    where a.central_queue = v_batch.queue_name and a.group_name = v_batch.co_name and a.ev_id = e.ev_id
        and not exists (select from pgq.retry_queue r where r.ev_owner = v_batch.sub_id and r.ev_id = e.ev_id);
end;
$$;
revoke all on function tributary.coop_forget_attempts(bigint) from public;
create or replace function tributary.coop_hand_back(batch_id bigint)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_mine  pgq.subscription;
    v_lane  integer;
begin
    select * into v_mine from pgq.subscription where sub_batch = batch_id for update;
    if not found then
        return false;
    end if;
    select l.lane into v_lane from tributary.lane l
    where l.queue_id = v_mine.sub_queue and l.sub_id = v_mine.sub_id and l.batch = v_mine.sub_batch;
    insert into tributary.coop_opening as o (queue_id, sub_id, start_tick, end_tick, lane, openings)
    values (v_mine.sub_queue, v_mine.sub_id, v_mine.sub_last_tick, v_mine.sub_next_tick, coalesce(v_lane, -1), 1)
    on conflict on constraint coop_opening_pkey do update set openings = greatest(o.openings - 1, 1);
    update tributary.narrowing n
    set running_events = null
    from pgq.queue q
    where q.queue_id = v_mine.sub_queue and n.central_queue = q.queue_name and n.running_events is not null
        and n.start_tick = v_mine.sub_last_tick and n.end_tick = v_mine.sub_next_tick
        and exists (
            select from pgq.subscription g join pgq.consumer c on c.co_id = g.sub_consumer
            where n.group_name = c.co_name || coalesce('@' || v_lane, '') and g.sub_queue = v_mine.sub_queue and g.sub_id = v_mine.sub_id);
    return true;
end;
$$;
revoke all on function tributary.coop_hand_back(bigint) from public;
do $$
begin
    if to_regrole('pgq_reader') is not null then
        grant execute on function tributary.coop_hand_back(bigint) to pgq_reader;
    end if;
end;
$$;
create or replace function tributary.coop_hold(batch_id bigint)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_try_advisory_xact_lock_shared(batch_id);
    return exists (select from pgq.subscription where sub_batch = batch_id);
end;
$$;
create or replace function tributary.coop_end_holder(batch_id bigint)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_pid   integer;
    v_ended integer := 0;
begin
    for v_pid in
        select l.pid from pg_locks l
        where batch_id >= 1000000000000000 and l.locktype = 'advisory' and l.granted and l.objsubid = 1
            and l.database = (select d.oid from pg_database d where d.datname = current_database())
            and l.classid::bigint = batch_id >> 32 and l.objid::bigint = batch_id & 4294967295
            and l.pid <> pg_backend_pid()
    loop
        begin
            v_ended := v_ended + pg_terminate_backend(v_pid)::integer;
        exception when insufficient_privilege then
            null;
        end;
    end loop;
    return v_ended;
end;
$$;
revoke all on function tributary.coop_end_holder(bigint) from public;
create or replace function tributary.coop_next_batch(
    queue text, group_name text, member text, dead_interval interval default null,
    min_lag interval default null, min_count integer default null, min_interval interval default null,
    knows_progress boolean default false, knows_lanes boolean default false,
    out batch_id bigint, out start_tick bigint, out end_tick bigint, out start_time timestamptz, out end_time timestamptz,
    out openings integer, out taken_over_from text, out batch_lane integer, out is_pausing boolean)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_name      text := tributary.coop_member_name(group_name, member);
    v_ids       record;
    v_main      record;
    v_mine      record;
    v_other     record;
    v_end       record;
    v_set       tributary.lane_set;
    v_memo      text[] := string_to_array(current_setting('tributary.coop_memo', true), ' ');
    v_main_at   tid;
    v_mine_at   tid;
    v_look_at   timestamptz := '-infinity';
    v_began     timestamptz;
    v_found     boolean;
begin
    loop
        batch_id := null;
        start_tick := null;
        end_tick := null;
        taken_over_from := null;
        batch_lane := null;
        select q.queue_id, c.co_id as main_id, m.co_id as mine_id into v_ids
        from pgq.queue q
        join pgq.consumer c on c.co_name = coop_next_batch.group_name
        left join pgq.consumer m on m.co_name = v_name
        where q.queue_name = coop_next_batch.queue;
        if v_memo[1:3] = array[v_ids.queue_id, v_ids.main_id, v_ids.mine_id]::text[] then
            v_main_at := v_memo[4];
            v_mine_at := v_memo[5];
            v_look_at := to_timestamp(v_memo[6]::double precision);
        end if;
        v_memo := null;
        select * into v_main from tributary.coop_row(v_ids.queue_id, v_ids.main_id, v_main_at);
        if v_main.sub_last_tick is null then
            perform tributary.coop_group(queue, group_name);
            continue;
        end if;
        v_main_at := v_main.at;
        select * into v_mine from tributary.coop_row(v_ids.queue_id, v_ids.mine_id, v_mine_at);
        if v_mine.sub_id is distinct from v_main.sub_id then
            perform tributary.coop_register(queue, group_name, member);
            continue;
        end if;
        v_mine_at := v_mine.at;
        select * into v_set from tributary.lane_set o where o.queue_id = v_ids.queue_id and o.sub_id = v_main.sub_id;
        is_pausing := coalesce(v_set.lanes > 0 and v_set.pauses, false);
        if v_set.lanes > 0 and not (knows_lanes and knows_progress) then
            raise exception using errcode = 'feature_not_supported', message = format(
                'Queue %s is worked in lanes by group %s, and this program knows nothing of lanes: upgrade it, or stop it.',
                queue, group_name);
        end if;
        if v_mine.sub_batch is not null then
            batch_id := tributary.coop_new_token(knows_progress);
            update pgq.subscription
            set sub_batch = batch_id, sub_active = clock_timestamp()
            where sub_batch = v_mine.sub_batch;
            if not found then
                continue;
            end if;
            perform tributary.coop_end_holder(v_mine.sub_batch);
            batch_lane := tributary.lane_token(v_set, v_mine.sub_batch, batch_id);
            start_tick := v_mine.sub_last_tick;
            end_tick := v_mine.sub_next_tick;
            exit when knows_progress or not tributary.coop_put_back(batch_id, queue, group_name);
            continue;
        end if;
        select * into v_end
        from tributary.coop_end_tick(v_ids.queue_id, v_main.sub_last_tick, min_lag, min_count, min_interval, v_set.mark);
        v_found := false;
        v_began := clock_timestamp();
        if v_set.lanes > 0 or v_end.end_tick is null or v_began >= v_look_at then
            select s.sub_consumer, s.sub_batch, c.co_name into v_other
            from pgq.subscription s
            join pgq.consumer c on c.co_id = s.sub_consumer
            where s.sub_queue = v_ids.queue_id and s.sub_id = v_main.sub_id and s.sub_consumer <> v_ids.main_id
                and starts_with(c.co_name, group_name || '.')
                and s.sub_last_tick is not null
                and (s.sub_batch is null or s.sub_active <= to_timestamp(0) or s.sub_active < clock_timestamp() - dead_interval)
            order by s.sub_last_tick, s.sub_consumer
            limit 1;
            v_found := found;
            v_look_at := case when clock_timestamp() - v_began < interval '0.5 milliseconds' then '-infinity'
                else clock_timestamp() + 20 * (clock_timestamp() - v_began) end;
        end if;
        if v_found then
            if v_other.sub_batch is null then
                perform tributary.coop_mend(v_ids.queue_id, v_other.sub_consumer, v_other.co_name);
                continue;
            end if;
            select s.sub_consumer, s.sub_batch, s.sub_last_tick, s.sub_next_tick, c.co_name into v_other
            from pgq.subscription s
            join pgq.consumer c on c.co_id = s.sub_consumer
            where s.sub_queue = v_ids.queue_id and s.sub_id = v_main.sub_id and s.sub_consumer <> v_ids.main_id
                and starts_with(c.co_name, group_name || '.')
                and s.sub_batch is not null
                and (s.sub_active <= to_timestamp(0) or s.sub_active < clock_timestamp() - dead_interval)
            order by s.sub_last_tick, s.sub_consumer
            limit 1
            for update of s skip locked;
            if found then
                perform tributary.coop_forget(v_ids.queue_id, v_other.sub_consumer);
                perform tributary.coop_end_holder(v_other.sub_batch);
                start_tick := v_other.sub_last_tick;
                end_tick := v_other.sub_next_tick;
                taken_over_from := tributary.coop_member_of(group_name, v_other.co_name);
                batch_id := tributary.coop_open(v_mine.at, v_ids.queue_id, v_ids.mine_id,
                    array[start_tick, end_tick], knows_progress);
                batch_lane := tributary.lane_token(v_set, v_other.sub_batch, batch_id);
                exit when knows_progress or not tributary.coop_put_back(batch_id, queue, group_name);
                continue;
            end if;
        end if;
        if v_set.lanes > 0 then
            select * into v_end from tributary.lane_take(v_ids.queue_id, v_main.sub_id, v_set.mark, min_lag, min_count);
            batch_lane := v_end.lane;
        end if;
        if batch_lane is null and v_main.sub_batch is not null then
            perform tributary.coop_part(v_main.sub_batch, group_name);
            continue;
        end if;
        if coalesce(v_set.lanes, 0) = 0 then
            if not v_end.start_found then
                perform 1 from pgq.subscription s
                where s.sub_queue = v_ids.queue_id and s.sub_consumer = v_ids.main_id and s.sub_last_tick = v_main.sub_last_tick;
                if not found then
                    continue;
                end if;
                raise exception using errcode = 'data_corrupted', message = format(
                    'Group %s of queue %s stands at tick %s, which no longer exists: move it to one that does with pgq.register_consumer_at.',
                    group_name, queue, v_main.sub_last_tick);
            end if;
        end if;
        if v_end.end_tick is null then
            if v_set.mark is not null and tributary.lane_switch(v_ids.queue_id, v_main.sub_id) then
                continue;
            end if;
            return;
        end if;
        if batch_lane is null then
            start_tick := v_main.sub_last_tick;
            update pgq.subscription s
            set sub_last_tick = v_end.end_tick, sub_active = clock_timestamp()
            where s.ctid = v_main.at and s.sub_queue = v_ids.queue_id and s.sub_consumer = v_ids.main_id
                and s.sub_last_tick = v_main.sub_last_tick and s.sub_batch is null
                and not exists (
                    select from tributary.lane_set o
                    where o.queue_id = v_ids.queue_id and o.sub_id = v_main.sub_id
                        and (o.lanes > 0 or o.mark < v_end.end_tick))
            returning s.ctid into v_main_at;
            v_found := found;
        else
            start_tick := v_end.start_tick;
            v_found := true;
        end if;
        if v_found then
            end_tick := v_end.end_tick;
            start_time := v_end.start_time;
            end_time := v_end.end_time;
            openings := 1;
            if (select (a.last_value + b.last_value) % 128 = 0 from tributary.coop_token a, tributary.coop_plain_token b) then
                select r.at, r.consumer_id into v_mine_at, v_ids.mine_id
                from tributary.coop_renew(v_mine.at, v_ids.queue_id, v_ids.mine_id, v_name) r;
                v_mine.at := v_mine_at;
            end if;
            batch_id := tributary.coop_open(v_mine.at, v_ids.queue_id, v_ids.mine_id,
                array[start_tick, end_tick], knows_progress);
            update tributary.lane l set position = v_end.end_tick, batch = coop_next_batch.batch_id
            where batch_lane is not null
                and l.queue_id = v_ids.queue_id and l.sub_id = v_main.sub_id and l.lane = batch_lane;
            if batch_lane is not null and (v_set.fair or v_set.per_key is not null or exists (
                select from tributary.paused_key k where k.queue_id = v_ids.queue_id and k.sub_id = v_main.sub_id))
            then
                perform tributary.lane_hold(v_ids.queue_id, v_main.sub_id, batch_lane, batch_id);
            end if;
            delete from tributary.narrowing n
            where n.central_queue = queue and n.group_name = coop_next_batch.group_name || coalesce('@' || batch_lane, '')
                and n.start_tick = coop_next_batch.start_tick and n.end_tick = v_end.end_tick;
            delete from tributary.coop_opening o
            where o.queue_id = v_ids.queue_id and o.sub_id = v_main.sub_id and o.lane = coalesce(batch_lane, -1)
                and o.start_tick = coop_next_batch.start_tick and o.end_tick = v_end.end_tick;
            perform set_config('tributary.coop_memo', concat_ws(' ', v_ids.queue_id, v_ids.main_id, v_ids.mine_id,
                v_main_at, v_mine_at, extract(epoch from v_look_at)), false);
            return;
        end if;
        v_main_at := v_main.at;
    end loop;
    insert into tributary.coop_opening as o (queue_id, sub_id, start_tick, end_tick, lane, openings)
    values (v_ids.queue_id, v_main.sub_id, coop_next_batch.start_tick, coop_next_batch.end_tick, coalesce(batch_lane, -1), 2)
    on conflict on constraint coop_opening_pkey do update set openings = o.openings + 1
    returning o.openings into openings;
    select t.tick_time into start_time from pgq.tick t where t.tick_queue = v_ids.queue_id and t.tick_id = start_tick;
    select t.tick_time into end_time from pgq.tick t where t.tick_queue = v_ids.queue_id and t.tick_id = end_tick;
end;
$$;
revoke all on function tributary.coop_next_batch(text, text, text, interval, interval, integer, interval, boolean, boolean) from public;
do $$
begin
    if to_regrole('pgq_reader') is not null then
        grant execute on function tributary.coop_next_batch(text, text, text, interval, interval, integer, interval, boolean, boolean) to pgq_reader;
    end if;
end;
$$;
create or replace function tributary.coop_new_token(knows_progress boolean)
returns bigint
language sql
as $$
    select case when knows_progress then nextval('tributary.coop_token') else nextval('tributary.coop_plain_token') end
$$;
revoke all on function tributary.coop_new_token(boolean) from public;
create or replace function tributary.coop_open(
    at tid, queue_id integer, consumer_id integer, ticks bigint[], knows_progress boolean)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_token bigint := tributary.coop_new_token(knows_progress);
begin
    update pgq.subscription s
    set sub_batch = v_token, sub_last_tick = ticks[1], sub_next_tick = ticks[2], sub_active = clock_timestamp()
    where s.ctid = at and s.sub_queue = queue_id and s.sub_consumer = consumer_id and s.sub_batch is null;
    if not found then
        raise exception using errcode = 'serialization_failure', message = format(
            'Consumer %s asked for a batch twice at the same moment, or was unregistered at it: ask again.',
            (select c.co_name from pgq.consumer c where c.co_id = consumer_id));
    end if;
    return v_token;
end;
$$;
revoke all on function tributary.coop_open(tid, integer, integer, bigint[], boolean) from public;
create or replace function tributary.coop_renew(
    inout at tid, queue_id integer, inout consumer_id integer, consumer_name text)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_old   pgq.subscription;
begin
    perform 1 from pgq.consumer where co_id = consumer_id for update skip locked;
    if not found then
        return;
    end if;
    perform 1 from pgq.subscription s where s.sub_consumer = consumer_id and s.sub_queue <> coop_renew.queue_id;
    if found then
        return;
    end if;
    delete from pgq.subscription s
    where s.ctid = at and s.sub_queue = queue_id and s.sub_consumer = consumer_id and s.sub_batch is null
    returning s.* into v_old;
    if not found then
        return;
    end if;
    delete from pgq.consumer where co_id = consumer_id;
    insert into pgq.consumer (co_name) values (consumer_name) returning co_id into consumer_id;
    insert into pgq.subscription as s (sub_id, sub_queue, sub_consumer, sub_last_tick, sub_active)
    values (v_old.sub_id, v_old.sub_queue, consumer_id, null, v_old.sub_active)
    returning s.ctid into at;
end;
$$;
revoke all on function tributary.coop_renew(tid, integer, integer, text) from public;
create or replace function tributary.coop_part(batch bigint, group_name text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_name      text := group_name || '.%batch ' || batch;
    v_main      pgq.subscription;
    v_consumer  integer;
begin
    select * into v_main from pgq.subscription where sub_batch = batch for update;
    if not found then
        return;
    end if;
    update pgq.subscription
    set sub_last_tick = sub_next_tick, sub_next_tick = null, sub_batch = null
    where sub_batch = batch;
    insert into pgq.consumer as c (co_name) values (v_name)
    on conflict (co_name) do update set co_name = excluded.co_name
    returning c.co_id into v_consumer;
    insert into pgq.subscription (sub_id, sub_queue, sub_consumer, sub_last_tick, sub_active, sub_batch, sub_next_tick)
    values (v_main.sub_id, v_main.sub_queue, v_consumer, v_main.sub_last_tick, v_main.sub_active, batch, v_main.sub_next_tick);
end;
$$;
revoke all on function tributary.coop_part(bigint, text) from public;
create or replace function tributary.coop_put_back(x_batch bigint, x_queue text, x_group text)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_done  bigint;
    v_owner integer;
    e       record;
begin
    select n.last_event_id, b.sub_id into v_done, v_owner
    from pgq.subscription b
    join tributary.narrowing n on n.central_queue = x_queue and n.group_name = x_group
        and n.start_tick = b.sub_last_tick and n.end_tick = b.sub_next_tick
    where b.sub_batch = x_batch;
    if v_done is null then
        return false;
    end if;
    for e in select * from pgq.get_batch_events(x_batch) b where b.ev_id > v_done loop
        if exists (select from pgq.retry_queue r where r.ev_owner = v_owner and r.ev_id = e.ev_id) then
            insert into tributary.dead_event (kind, central_queue, ev_id, ev_time, ev_retry, ev_type, ev_data,
                                              ev_extra1, ev_extra2, ev_extra3, ev_extra4, error, attempts, group_name)
            values ('conflict', x_queue, e.ev_id, e.ev_time, e.ev_retry, e.ev_type, e.ev_data,
                    e.ev_extra1, e.ev_extra2, e.ev_extra3, e.ev_extra4,
                    'Its batch went to a program that does not know what was done of it, and another event with the id '
                    || e.ev_id || ' waits already.', 1, nullif(split_part(x_group, '/', 2), ''));
            continue;
        end if;
        perform pgq.event_retry_raw(x_queue, x_group, clock_timestamp(), e.ev_id, e.ev_time, e.ev_retry, e.ev_type, e.ev_data,
                                    e.ev_extra1, e.ev_extra2, e.ev_extra3, e.ev_extra4);
    end loop;
    perform tributary.coop_finish_batch(x_batch);
    return true;
end;
$$;
revoke all on function tributary.coop_put_back(bigint, text, text) from public;
create or replace function tributary.coop_read(batch_id bigint)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_events    bigint;
    v_lanes     integer;
begin
    select e.tick_event_seq - s.tick_event_seq, o.lanes into v_events, v_lanes
    from pgq.subscription b
    join pgq.tick s on s.tick_queue = b.sub_queue and s.tick_id = b.sub_last_tick
    join pgq.tick e on e.tick_queue = b.sub_queue and e.tick_id = b.sub_next_tick
    left join tributary.lane_set o on o.queue_id = b.sub_queue and o.sub_id = b.sub_id
    where b.sub_batch = batch_id;
    v_events := ceil(v_events::numeric / greatest(v_lanes, 1));
    perform set_config('tributary.batch_lane', case when v_lanes > 0 then 'yes' else '' end, true);
    perform set_config('tributary.batch', coalesce(batch_id::text, ''), true);
    perform set_config('tributary.batch_events', coalesce(v_events, 9223372036854775807)::text, true);
    return v_events;
end;
$$;
create or replace function tributary.coop_touch(batch_id bigint)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform 1 from pgq.subscription where sub_batch = batch_id for update skip locked;
    if not found then
        return exists (select from pgq.subscription where sub_batch = batch_id);
    end if;
    update pgq.subscription set sub_active = clock_timestamp()
    where sub_batch = batch_id and sub_active > to_timestamp(0);
    return true;
end;
$$;
revoke all on function tributary.coop_touch(bigint) from public;
do $$
begin
    if to_regrole('pgq_reader') is not null then
        grant execute on function tributary.coop_touch(bigint) to pgq_reader;
    end if;
end;
$$;
create or replace function tributary.narrowing_mark(
    x_queue text, x_group text, x_ticks bigint[], x_slice bigint[], x_events integer)
returns void as $$
    update tributary.narrowing n
    set running_first = x_slice[1], running_last = x_slice[2], running_events = x_events, at = now()
    where n.central_queue = x_queue and n.group_name = x_group and n.start_tick = x_ticks[1] and n.end_tick = x_ticks[2];
$$ language sql set search_path = pg_catalog, pg_temp;
create or replace function tributary.narrowing_open(
    x_queue text, x_group text, x_start bigint, x_end bigint, x_death bigint[] default null, x_is_certain boolean default true,
    out last_event_id bigint, out suspect_first bigint, out suspect_last bigint, out suspect_events integer,
    out deaths integer, out kills integer)
as $$
declare
    n               tributary.narrowing;
    v_has_call      constant boolean := x_death[4] > 0;
    v_is_in_slice   boolean;
begin
    insert into tributary.narrowing (central_queue, group_name, start_tick, end_tick)
    values (x_queue, x_group, x_start, x_end)
    on conflict do nothing;
    select * into n from tributary.narrowing o
    where o.central_queue = x_queue and o.group_name = x_group and o.start_tick = x_start and o.end_tick = x_end
    for update;
    if x_death is not null and x_death[1] is distinct from n.judged then
        v_is_in_slice := n.running_events is not null and (
            not v_has_call
            or x_death[2] >= n.running_first and x_death[3] <= n.running_last and x_death[4] >= n.running_events);
        if v_is_in_slice then
            if (n.suspect_first, n.suspect_last) is distinct from (n.running_first, n.running_last) then
                n.suspect_first := n.running_first;
                n.suspect_last := n.running_last;
                n.deaths := 0;
                n.kills := 0;
            end if;
            n.suspect_events := n.running_events;
            n.deaths := n.deaths + x_is_certain::integer;
            n.kills := n.kills + (not x_is_certain)::integer;
        elsif v_has_call and x_death[3] > coalesce(n.last_event_id, -1) then
            n.suspect_first := x_death[2];
            n.suspect_last := x_death[3];
            n.suspect_events := x_death[4];
            n.deaths := 0;
            n.kills := 0;
        end if;
        n.judged := x_death[1];
    end if;
    update tributary.narrowing o
    set running_first = null, running_last = null, running_events = null,
        suspect_first = n.suspect_first, suspect_last = n.suspect_last, suspect_events = n.suspect_events,
        deaths = n.deaths, kills = n.kills, judged = n.judged, at = now()
    where o.central_queue = x_queue and o.group_name = x_group and o.start_tick = x_start and o.end_tick = x_end;
    last_event_id := n.last_event_id;
    if n.suspect_last > coalesce(n.last_event_id, -1) then
        suspect_first := n.suspect_first;
        suspect_last := n.suspect_last;
        suspect_events := n.suspect_events;
        deaths := n.deaths;
        kills := n.kills;
    end if;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.narrowing_step(
    x_batch bigint, x_queue text, x_group text, x_ticks bigint[], x_last bigint)
returns void as $$
begin
    perform from pgq.subscription where sub_batch = x_batch for share;
    if not found then
        raise exception 'batch % has gone to another worker', x_batch using errcode = 'TB001';
    end if;
    insert into tributary.narrowing as n (central_queue, group_name, start_tick, end_tick, last_event_id)
    values (x_queue, x_group, x_ticks[1], x_ticks[2], x_last)
    on conflict on constraint narrowing_pkey do update
    set last_event_id = excluded.last_event_id, running_events = null, at = now();
    if strpos(x_group, '@') > 0 then
        perform tributary.lane_done(x_batch, x_last);
    end if;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.note_handled(
    x_queue text, x_start bigint, x_end bigint, x_last bigint, x_token bigint, x_openings integer,
    x_worker text, x_host text, x_pid integer, x_events integer, x_put_off integer, x_dead integer,
    x_calls integer, x_calls_ms real, x_longest_ms real, x_fates text, x_lane integer default null)
returns void as $$
begin
    if (select t.current from tributary.handled_table t) = 0 then
        insert into tributary.handled_0 (central_queue, start_tick, end_tick, last_event_id, token, openings, worker, host, pid,
            events, put_off, dead, calls, calls_ms, longest_ms, fates, lane)
        values (x_queue, x_start, x_end, x_last, x_token, x_openings, x_worker, x_host, x_pid,
            x_events, x_put_off, x_dead, x_calls, x_calls_ms, x_longest_ms, x_fates, x_lane);
    else
        insert into tributary.handled_1 (central_queue, start_tick, end_tick, last_event_id, token, openings, worker, host, pid,
            events, put_off, dead, calls, calls_ms, longest_ms, fates, lane)
        values (x_queue, x_start, x_end, x_last, x_token, x_openings, x_worker, x_host, x_pid,
            x_events, x_put_off, x_dead, x_calls, x_calls_ms, x_longest_ms, x_fates, x_lane);
    end if;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.rotate_handled(x_period interval, x_bytes bigint)
returns boolean as $$
declare
    v_current   integer;
begin
    select t.current into v_current
    from tributary.handled_table t
    where t.switched_at <= now() - x_period
        or pg_relation_size(format('tributary.handled_%s', t.current)::regclass) >= x_bytes;
    if not found then
        return false;
    end if;
    begin
        lock table tributary.handled_table in share row exclusive mode nowait;
        execute format('lock table tributary.handled_%s in access exclusive mode nowait', 1 - v_current);
    exception when lock_not_available then
        return false;
    end;
    update tributary.handled_table set current = 1 - v_current, switched_at = now() where current = v_current;
    if not found then
        return false;
    end if;
    execute format('truncate tributary.handled_%s', 1 - v_current);
    return true;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.put_off(x_queue text, x_group text, x_events json, x_batch bigint default null, x_last bigint default null)
returns integer as $$
declare
    e           record;
    v_owner     integer;
    v_dead      integer := 0;
begin
    select s.sub_id into v_owner
    from pgq.subscription s
    join pgq.queue q on q.queue_id = s.sub_queue
    join pgq.consumer c on c.co_id = s.sub_consumer
    where q.queue_name = x_queue and c.co_name = x_group;
    for e in
        select * from json_to_recordset(x_events) as (
            id bigint, "time" timestamptz, retry integer, type text, data text, extra1 text, extra2 text, extra3 text,
            extra4 text, origin text, after_ms float8, attempts integer, error text)
    loop
        if x_batch is not null and tributary.lane_put_off(x_batch, x_last, row_to_json(e),
                clock_timestamp() + e.after_ms * interval '1 millisecond', e.error) then
            null;
        elsif exists (select from pgq.retry_queue r where r.ev_owner = v_owner and r.ev_id = e.id) then
            insert into tributary.dead_event (kind, central_queue, origin, ev_id, ev_time, ev_retry, ev_type, ev_data,
                                              ev_extra1, ev_extra2, ev_extra3, ev_extra4, error, attempts, group_name)
            values ('conflict', x_queue, e.origin, e.id, e."time", e.retry, e.type, e.data,
                    e.extra1, e.extra2, e.extra3, e.extra4,
                    coalesce(e.error || ' ', '') || '(Another event with the id ' || e.id || ' waits for its retry.)',
                    greatest(e.attempts, 1), nullif(split_part(x_group, '/', 2), ''));
            v_dead := v_dead + 1;
            continue;
        else
            perform pgq.event_retry_raw(x_queue, x_group, clock_timestamp() + e.after_ms * interval '1 millisecond',
                                        e.id, e."time", e.retry, e.type, e.data, e.extra1, e.extra2, e.extra3, e.extra4);
        end if;
        insert into tributary.attempt as a (central_queue, group_name, ev_id, origin, attempts, last_error, next_at)
        values (x_queue, x_group, e.id, e.origin, e.attempts, e.error,
                clock_timestamp() + e.after_ms * interval '1 millisecond')
        on conflict (central_queue, group_name, ev_id) do update
        set attempts = excluded.attempts, last_error = coalesce(excluded.last_error, a.last_error),
            last_at = now(), next_at = excluded.next_at;
    end loop;
    return v_dead;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.rate_take(
    x_queue text, x_events integer, x_per_second double precision, out granted integer, out wait_ms double precision)
as $$
declare
    v_pace      constant double precision := x_per_second * 0.95;
    v_most      constant double precision := greatest(1, x_per_second * 0.25);
    v_wanted    constant integer := greatest(1, least(x_events, floor(v_most)));
    v_least     constant integer := least(v_wanted, ceil(v_most / 4));
    v_now       timestamptz;
    v_last      record;
    v_seconds   double precision;
begin
    loop
        select g.n, g.used_until into v_last
        from tributary.rate_grant g where g.central_queue = x_queue order by g.n desc limit 1;
        v_now := clock_timestamp();
        v_seconds := case
            when v_last.n is null then v_most / v_pace
            when v_last.used_until > v_now then v_least / v_pace
            else least(extract(epoch from v_now - v_last.used_until), v_most / v_pace) end;
        granted := least(v_wanted, floor(v_seconds * v_pace + 1e-6));
        wait_ms := 0;
        if granted < v_least then
            granted := 0;
            wait_ms := ceil((v_least / v_pace - v_seconds) * 1000);
            return;
        end if;
        insert into tributary.rate_grant (central_queue, n, events, used_until)
        values (x_queue, coalesce(v_last.n, 0) + 1, granted,
            v_now - (v_seconds - granted / v_pace) * interval '1 second')
        on conflict do nothing;
        continue when not found;
        if v_last.n % 64 = 0 then
            delete from tributary.rate_grant g where g.central_queue = x_queue and g.n < v_last.n;
        end if;
        return;
    end loop;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.retried(x_queue text, x_group text, x_ids bigint[])
returns void as $$
    delete from tributary.attempt where central_queue = x_queue and group_name = x_group and ev_id = any (x_ids);
$$ language sql set search_path = pg_catalog, pg_temp;
create or replace function tributary.send(
    x_queue text, x_type text[], x_data text[], x_extra1 text[], x_extra2 text[], x_extra3 text[], x_extra4 text[])
returns bigint as $$
declare
    v_xid   bigint := tributary.begin_events(x_queue);
begin
    perform 1 from pgq.queue where queue_name = x_queue;
    if not found then
        raise exception using errcode = 'undefined_object',
            message = format('Queue %s does not exist on central: run `tributary install`.', x_queue);
    end if;
    perform pgq.insert_event(x_queue, e.type, e.data, e.extra1, e.extra2, e.extra3, e.extra4)
    from (select * from unnest(x_type, x_data, x_extra1, x_extra2, x_extra3, x_extra4)
                        with ordinality u (type, data, extra1, extra2, extra3, extra4, place)
          order by u.place) e;
    return v_xid;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.publish(x_channels text[], x_types text[], x_data text[])
returns void as $$
begin
    if cardinality(x_channels) is distinct from cardinality(x_types) or cardinality(x_channels) is distinct from cardinality(x_data) then
        raise exception 'tributary.publish takes three arrays of one length'
            using errcode = 'invalid_parameter_value';
    end if;
    if exists (select 1 from unnest(x_channels, x_types, x_data) u (channel, type, data)
               where coalesce(u.channel, '') = '' or u.channel ~ '[[:cntrl:]]'
                  or u.type = '' or u.type ~ '[[:cntrl:]]' or coalesce(u.data, '') = '' or u.data::json is null) then
        raise exception 'tributary.publish takes channels and types of one line, of which a type may be null, and JSON'
            using errcode = 'invalid_parameter_value';
    end if;
    if (select t.current from tributary.published_table t) = 0 then
        insert into tributary.published_0 (channel, type, data)
        select u.channel, u.type, u.data
        from unnest(x_channels, x_types, x_data) with ordinality u (channel, type, data, place)
        order by u.place;
    else
        insert into tributary.published_1 (channel, type, data)
        select u.channel, u.type, u.data
        from unnest(x_channels, x_types, x_data) with ordinality u (channel, type, data, place)
        order by u.place;
    end if;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.tick_published()
returns boolean as $$
declare
    v_tick      bigint;
    v_snapshot  txid_snapshot;
    v_now       txid_snapshot;
begin
    select t.tick, t.snapshot into v_tick, v_snapshot from tributary.published_tick t order by t.tick desc limit 1;
    if not tributary.is_published_behind(v_snapshot) then
        return false;
    end if;
    perform 1 from tributary.published_table for no key update;
    select t.tick, t.snapshot into v_tick, v_snapshot from tributary.published_tick t order by t.tick desc limit 1;
    if not tributary.is_published_behind(v_snapshot) then
        return false;
    end if;
    v_now := txid_current_snapshot();
    insert into tributary.published_tick (tick, snapshot) values (v_tick + 1, v_now);
    if txid_snapshot_xmax(v_now) < txid_snapshot_xmax(v_snapshot) then
        delete from tributary.published;
        update tributary.published_table set gone_tick = v_tick + 1;
    end if;
    return true;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.is_published_behind(x_snapshot txid_snapshot)
returns boolean as $$
    select exists (select 1 from tributary.published p where p.xid >= txid_snapshot_xmax(x_snapshot))
        or exists (select 1 from tributary.published p where p.xid = any (array(select txid_snapshot_xip(x_snapshot))))
        or txid_snapshot_xmax(txid_current_snapshot()) < txid_snapshot_xmax(x_snapshot)
$$ language sql volatile
   set search_path = pg_catalog, pg_temp set enable_seqscan = off set max_parallel_workers_per_gather = 0 set jit = off;
create or replace function tributary.read_published(x_tick bigint, x_at bigint, x_most integer)
returns table (tick bigint, tick_at bigint, id bigint, channel text, type text, data text, at timestamptz) as $$
declare
    v_from  txid_snapshot;
    v_tick  record;
    v_sum   bigint := 0;
    v_rows  bigint;
begin
    perform tributary.tick_published();
    select t.tick, (extract(epoch from t.at) * 1000000)::bigint, t.snapshot into tick, tick_at, v_from
    from tributary.published_tick t, tributary.published_table p
    where t.tick >= p.gone_tick and (x_tick is null or t.tick = x_tick)
    order by t.tick
    limit 1;
    if tick is null or tick_at <> x_at then
        tick := null;
        tick_at := null;
        return next;
        return;
    end if;
    return next;
    for v_tick in
        select t.tick, (extract(epoch from t.at) * 1000000)::bigint as at, t.snapshot
        from tributary.published_tick t
        where t.tick > read_published.tick
        order by t.tick
    loop
        return query
        select v_tick.tick, v_tick.at, p.id, p.channel, p.type, p.data, p.at
        from (select * from tributary.published n
              where n.xid >= txid_snapshot_xmax(v_from) and n.xid < txid_snapshot_xmax(v_tick.snapshot)
              union all
              select * from tributary.published l where l.xid = any (array(select txid_snapshot_xip(v_from)))) p
        where txid_visible_in_snapshot(p.xid, v_tick.snapshot)
        order by p.id;
        get diagnostics v_rows = row_count;
        tick := v_tick.tick;
        tick_at := v_tick.at;
        return next;
        v_from := v_tick.snapshot;
        v_sum := v_sum + v_rows;
        exit when v_sum >= x_most;
    end loop;
end;
$$ language plpgsql
   set search_path = pg_catalog, pg_temp set enable_seqscan = off set max_parallel_workers_per_gather = 0 set jit = off;
create or replace function tributary.rotate_published(x_kept interval)
returns boolean as $$
declare
    v_current   integer;
    v_tick      bigint;
    v_snapshot  txid_snapshot;
    v_is_needed boolean;
begin
    perform tributary.tick_published();
    select t.current into v_current from tributary.published_table t where t.switched_at <= now() - x_kept;
    if not found or not exists (select 1 from tributary.published) then
        return false;
    end if;
    select t.tick, t.snapshot into v_tick, v_snapshot
    from tributary.published_tick t, tributary.published_table p
    where t.at <= now() - x_kept and t.tick >= p.gone_tick
    order by t.tick desc
    limit 1;
    if not found then
        return false;
    end if;
    begin
        lock table tributary.published_table in share row exclusive mode nowait;
        execute format('lock table tributary.published_%s in access exclusive mode nowait', 1 - v_current);
    exception when lock_not_available then
        return false;
    end;
    execute format('select exists (select 1 from tributary.published_%s p where p.at > now() - interval ''1 day''
        and (p.xid >= txid_snapshot_xmax($1) or p.xid = any (array(select txid_snapshot_xip($1)))))', 1 - v_current)
    into v_is_needed using v_snapshot;
    if v_is_needed then
        return false;
    end if;
    update tributary.published_table
    set current = 1 - current, switched_at = now(), gone_tick = greatest(gone_tick, v_tick)
    where current = v_current;
    if not found then
        return false;
    end if;
    execute format('truncate tributary.published_%s', 1 - v_current);
    delete from tributary.published_tick t where t.tick < v_tick;
    return true;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.begin_commit(x_queue text, x_table text)
returns bigint as $$
declare
    v_xid   bigint := tributary.begin_events(x_queue);
begin
    perform tributary.commit_patience();
    if pgq.current_event_table(x_queue) is distinct from x_table then
        raise exception using errcode = 'TB011', message = format('events of queue %s go to another table than %s', x_queue, x_table);
    end if;
    perform set_config('tributary.xid', v_xid::text, false);
    return v_xid;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.begin_events(x_queue text)
returns bigint as $$
declare
    v_xid       bigint := pg_current_xact_id()::text::bigint;
    v_snapshot  txid_snapshot;
begin
    select t.tick_snapshot into v_snapshot
    from pgq.tick t where t.tick_queue = (select q.queue_id from pgq.queue q where q.queue_name = x_queue)
    order by t.tick_id desc limit 1;
    if txid_visible_in_snapshot(v_xid, v_snapshot) then
        perform tributary.refuse_younger(x_queue, v_snapshot);
    end if;
    return v_xid;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.refuse_younger(x_queue text, x_snapshot txid_snapshot)
returns void as $$
begin
    raise exception using errcode = 'TB012', message = format(
        'the ticks of queue %s know %s more transaction ids than the server has given out, as after a restore into a younger'
        ' server, so workers would never get what is committed now: raise its next transaction id with pg_resetwal, as'
        ' docs/operating.md tells',
        x_queue, txid_snapshot_xmax(x_snapshot) - txid_snapshot_xmax(txid_current_snapshot()));
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.commit_patience()
returns void as $$
begin
    perform set_config('lock_timeout', '20s', true), set_config('tcp_user_timeout', '30s', true),
        set_config('tcp_keepalives_idle', '15', true), set_config('tcp_keepalives_interval', '5', true),
        set_config('tcp_keepalives_count', '3', true);
    if current_setting('server_version_num')::integer >= 140000 and version() like '%linux%' then
        perform set_config('client_connection_check_interval', '5s', true);
    end if;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.held(x_queues text[])
returns table (queue text, bytes bigint, waiting bigint) as $$
    select q.queue_name,
        (select sum(pg_total_relation_size(i.inhrelid))
         from pg_inherits i where i.inhparent = q.queue_data_pfx::regclass)::bigint,
        coalesce((select max(pgq.seq_getval(q.queue_event_seq) - t.tick_event_seq)
         from pgq.subscription s
         join pgq.tick t on t.tick_queue = s.sub_queue and t.tick_id = s.sub_last_tick
         where s.sub_queue = q.queue_id), 0)::bigint
    from pgq.queue q
    where q.queue_name = any (x_queues)
$$ language sql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.insert_positions(x_positions jsonb, x_mover text default null)
returns integer as $$
declare
    v_current   integer;
    v_steps     tributary.position[];
    v_stored    integer;
begin
    lock table tributary.position_table in row exclusive mode;
    select current into v_current from tributary.position_table;
    select array_agg(row(r.source, r.n, r.tick_id, r.tick_time_us, r.tick_event_seq, r.tick_snapshot_md5,
        r.end_tick_id, r.end_tick_time_us, r.end_tick_event_seq, r.end_snapshot_md5,
        r.last_event_id, newest.moved + r.moved, now(), txid_current(), x_mover,
        case when r.unrouted is null then newest.unrouted else coalesce(newest.unrouted, 0) + r.unrouted end
        )::tributary.position order by r.source)
    into v_steps
    from jsonb_to_recordset(x_positions) as r (source integer, n bigint, after_tick_id bigint, after_tick_time_us bigint,
            after_end_tick_id bigint, after_last_event_id bigint,
            tick_id bigint, tick_time_us bigint, tick_event_seq bigint, tick_snapshot_md5 text,
            end_tick_id bigint, end_tick_time_us bigint, end_tick_event_seq bigint, end_snapshot_md5 text,
            last_event_id bigint, moved bigint, unrouted bigint)
    cross join lateral (
        select p.n, p.tick_id, p.tick_time_us, p.end_tick_id, p.last_event_id, p.moved, p.unrouted from tributary.position p
        where p.source = r.source order by p.n desc limit 1) newest
    where newest.n = r.n - 1
      and newest.tick_id = r.after_tick_id
      and newest.tick_time_us = r.after_tick_time_us
      and newest.end_tick_id is not distinct from r.after_end_tick_id
      and newest.last_event_id is not distinct from r.after_last_event_id;
    if v_current = 0 then
        insert into tributary.position_0 select s.* from unnest(v_steps) s on conflict (source, n) do nothing;
    else
        insert into tributary.position_1 select s.* from unnest(v_steps) s on conflict (source, n) do nothing;
    end if;
    get diagnostics v_stored = row_count;
    if v_stored <> jsonb_array_length(x_positions) then
        raise exception using errcode = 'TB010',
            message = 'a source''s position is not where this mover left it: another mover moved it, or central was restored';
    end if;
    return v_stored;
end;
$$ language plpgsql
   set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off
   set max_parallel_workers_per_gather = 0;
create or replace function tributary.tick(x_queue text, x_xid bigint)
returns boolean as $$
declare
    q           record;
    t           record;
    v_covered   boolean;
begin
    select queue_id, queue_event_seq, queue_data_pfx, queue_external_ticker or queue_ticker_paused as not_ours
    into q from pgq.queue where queue_name = x_queue;
    if not found or q.not_ours then
        return true;
    end if;
    select tick_id, tick_snapshot, tick_event_seq into t
    from pgq.tick where tick_queue = q.queue_id order by tick_id desc limit 1;
    if found then
        if txid_snapshot_xmax(t.tick_snapshot) > txid_snapshot_xmax(txid_current_snapshot()) then
            perform tributary.refuse_younger(x_queue, t.tick_snapshot);
        end if;
        if x_xid is not null then
            v_covered := txid_visible_in_snapshot(x_xid, t.tick_snapshot);
        else
            execute format('select not exists (select from %1$s where ev_txid >= $1)
                               and not exists (select from %1$s where ev_txid = any ($2))', q.queue_data_pfx)
            into v_covered using txid_snapshot_xmax(t.tick_snapshot), array(select txid_snapshot_xip(t.tick_snapshot));
        end if;
        if v_covered then
            return true;
        end if;
    end if;
    perform from pgq.queue k where k.queue_id = q.queue_id for no key update skip locked;
    if not found then
        return false;
    end if;
    select tick_event_seq into t from pgq.tick where tick_queue = q.queue_id order by tick_id desc limit 1;
    if found and pgq.seq_getval(q.queue_event_seq) <= t.tick_event_seq then
        perform nextval(q.queue_event_seq);
    end if;
    if pgq.ticker(x_queue) is null then
        return false;
    end if;
    perform pg_notify('tributary_tick', x_queue);
    return true;
end;
$$ language plpgsql
   set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off
   set max_parallel_workers_per_gather = 0;
create or replace function tributary.tick_after_commit(x_queue text, x_xid bigint)
returns boolean as $$
begin
    perform from pgq.tick t join pgq.queue q on q.queue_id = t.tick_queue
    where q.queue_name = x_queue and t.tick_time > clock_timestamp() - interval '20 ms'
      and t.tick_id = (select max(n.tick_id) from pgq.tick n where n.tick_queue = q.queue_id)
      and pgq.seq_getval(q.queue_event_seq) < t.tick_event_seq + 10000;
    if found then
        return false;
    end if;
    return tributary.tick(x_queue, x_xid);
exception when others then
    return false;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.coop_adopt(queue text, consumer text, group_name text)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queue     integer;
    v_sub       pgq.subscription;
    v_group     integer;
    v_member    record;
    v_is_ours   boolean;
begin
    select q.queue_id into v_queue from pgq.queue q where q.queue_name = coop_adopt.queue;
    if not found then
        raise exception using errcode = 'undefined_object', message = format(
            'Queue %s does not exist: create it with `tributary install`, or with pgq.create_queue.', coalesce(queue, 'NULL'));
    end if;
    select s.* into v_sub
    from pgq.subscription s join pgq.consumer c on c.co_id = s.sub_consumer
    where s.sub_queue = v_queue and c.co_name = coop_adopt.consumer
    for update of s;
    if not found then
        perform 1
        from pgq.subscription s join pgq.consumer c on c.co_id = s.sub_consumer
        where s.sub_queue = v_queue and c.co_name = coop_adopt.group_name;
        if found then
            return 0;
        end if;
        raise exception using errcode = 'undefined_object', message = format(
            'Queue %s has no consumer %s that group %s could adopt: correct its name, or register the group without it.',
            queue, coalesce(consumer, 'NULL'), coalesce(group_name, 'NULL'));
    end if;
    if v_sub.sub_batch is not null or v_sub.sub_last_tick is null then
        raise exception using errcode = 'object_in_use', message = format(
            'Consumer %s of queue %s has batch %s open: stop its program, finish the batch, and adopt it then.',
            consumer, queue, coalesce(v_sub.sub_batch::text, 'of a group'));
    end if;
    v_is_ours := exists (
        select from tributary.identity i
        where consumer = 'workers_' || i.name or starts_with(consumer, 'workers_' || i.name || '/'));
    for v_member in
        select s.sub_consumer, s.sub_batch from pgq.subscription s
        where s.sub_queue = v_queue and s.sub_id = v_sub.sub_id and s.sub_consumer <> v_sub.sub_consumer
        order by s.sub_consumer
        for update of s
    loop
        if not v_is_ours then
            raise exception using errcode = 'object_in_use', message = format(
                'Consumer %s of queue %s is a group with members already: name it as the group, or unregister its members first.', consumer, queue);
        elsif v_member.sub_batch is not null then
            raise exception using errcode = 'object_in_use', message = format(
                'Group %s of queue %s has batches open: park it with `tributary scale`, or stop its workers, and adopt it then.', consumer, queue);
        end if;
        perform tributary.coop_forget(v_queue, v_member.sub_consumer);
    end loop;
    if consumer = group_name then
        return 1;
    end if;
    insert into pgq.consumer (co_name) values (group_name) on conflict (co_name) do nothing;
    select c.co_id into v_group from pgq.consumer c where c.co_name = group_name for key share;
    perform 1 from pgq.subscription s where s.sub_queue = v_queue and s.sub_consumer = v_group;
    if found then
        raise exception using errcode = 'duplicate_object', message = format(
            'Queue %s has both consumer %s and group %s: drop the group with tributary.coop_drop_group, or do not adopt.',
            queue, consumer, group_name);
    end if;
    update pgq.subscription set sub_consumer = v_group
    where sub_queue = v_queue and sub_consumer = v_sub.sub_consumer;
    perform tributary.coop_forget(v_queue, v_sub.sub_consumer);
    update tributary.attempt a set group_name = coop_adopt.group_name
    where a.central_queue = queue and a.group_name = consumer;
    update tributary.narrowing n set group_name = coop_adopt.group_name
    where n.central_queue = queue and n.group_name = consumer;
    if v_is_ours then
        update tributary.dead_event d set group_name = nullif(split_part(coop_adopt.group_name, '/', 2), '')
        where d.central_queue = queue and d.kind <> 'poison'
            and d.group_name is not distinct from nullif(split_part(consumer, '/', 2), '');
    end if;
    return 1;
end;
$$;
revoke all on function tributary.coop_adopt(text, text, text) from public;
do $$
begin
    if to_regrole('pgq_admin') is not null then
        grant execute on function tributary.coop_adopt(text, text, text) to pgq_admin;
    end if;
end;
$$;
create or replace function tributary.coop_drop_group(queue text, group_name text, force boolean default false,
    out members integer, out open_batches integer, out retries integer)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_main  pgq.subscription;
    v_row   record;
begin
    v_main := tributary.coop_group(queue, group_name);
    perform 1 from pgq.subscription s
    where s.sub_queue = v_main.sub_queue and s.sub_consumer = v_main.sub_consumer for update;
    members := 0;
    open_batches := 0;
    for v_row in
        select s.sub_consumer, s.sub_batch
        from pgq.subscription s join pgq.consumer c on c.co_id = s.sub_consumer
        where s.sub_queue = v_main.sub_queue and s.sub_id = v_main.sub_id
            and (s.sub_consumer = v_main.sub_consumer or starts_with(c.co_name, group_name || '.'))
        order by s.sub_consumer
        for update of s
    loop
        members := members + (v_row.sub_consumer <> v_main.sub_consumer)::integer;
        open_batches := open_batches + (v_row.sub_batch is not null)::integer;
        perform tributary.coop_forget(v_main.sub_queue, v_row.sub_consumer);
    end loop;
    delete from pgq.retry_queue where ev_queue = v_main.sub_queue and ev_owner = v_main.sub_id;
    get diagnostics retries = row_count;
    retries := retries + (select count(*) from tributary.lane_waiting w where w.queue_id = v_main.sub_queue and w.sub_id = v_main.sub_id);
    delete from tributary.coop_opening where queue_id = v_main.sub_queue and sub_id = v_main.sub_id;
    delete from tributary.paused_key k where k.queue_id = v_main.sub_queue and k.sub_id = v_main.sub_id;
    delete from tributary.lane_waiting w where w.queue_id = v_main.sub_queue and w.sub_id = v_main.sub_id;
    delete from tributary.key_rate r where r.queue_id = v_main.sub_queue and r.sub_id = v_main.sub_id;
    delete from tributary.lane l where l.queue_id = v_main.sub_queue and l.sub_id = v_main.sub_id;
    delete from tributary.lane_set o where o.queue_id = v_main.sub_queue and o.sub_id = v_main.sub_id;
    delete from tributary.narrowing n where n.central_queue = queue
        and (n.group_name = coop_drop_group.group_name or starts_with(n.group_name, coop_drop_group.group_name || '@'));
    delete from tributary.attempt a where a.central_queue = queue and a.group_name = coop_drop_group.group_name;
    if not coalesce(force, false) and open_batches + retries > 0 then
        raise exception using errcode = 'object_in_use', message = format(
            'Group %s of queue %s has %s open batches and %s events that wait to be tried again: let its workers finish, or force it and lose them.',
            group_name, queue, open_batches, retries);
    end if;
end;
$$;
revoke all on function tributary.coop_drop_group(text, text, boolean) from public;
do $$
begin
    if to_regrole('pgq_admin') is not null then
        grant execute on function tributary.coop_drop_group(text, text, boolean) to pgq_admin;
    end if;
end;
$$;
create or replace function tributary.coop_end_tick(
    queue_id integer, start_tick bigint, min_lag interval, min_count integer, min_interval interval,
    last_tick bigint default null,
    out start_found boolean, out end_tick bigint, out start_time timestamptz, out end_time timestamptz)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_start     pgq.tick;
    v_last      bigint := coalesce(last_tick, 9223372036854775807);
    v_newest    timestamptz := coalesce(clock_timestamp() - min_lag, 'infinity');
begin
    select * into v_start from pgq.tick t where t.tick_queue = coop_end_tick.queue_id and t.tick_id = start_tick;
    start_found := found;
    if not found then
        return;
    end if;
    start_time := v_start.tick_time;
    select t.tick_id, t.tick_time into end_tick, end_time
    from pgq.tick t
    where t.tick_queue = coop_end_tick.queue_id and t.tick_id > start_tick and t.tick_id <= v_last and t.tick_time <= v_newest
        and (min_count is null and min_interval is null
            or t.tick_event_seq >= v_start.tick_event_seq + min_count
            or t.tick_time >= v_start.tick_time + min_interval)
        and txid_snapshot_xmax(t.tick_snapshot) >= txid_snapshot_xmax(v_start.tick_snapshot)
        and not exists (select from txid_snapshot_xip(t.tick_snapshot) x where txid_visible_in_snapshot(x, v_start.tick_snapshot))
    order by t.tick_id
    limit 1;
    if found or min_count is null and min_interval is null or clock_timestamp() < v_start.tick_time + min_interval then
        return;
    end if;
    select t.tick_id, t.tick_time into end_tick, end_time
    from pgq.tick t
    where t.tick_queue = coop_end_tick.queue_id and t.tick_id > start_tick and t.tick_id <= v_last and t.tick_time <= v_newest
        and txid_snapshot_xmax(t.tick_snapshot) >= txid_snapshot_xmax(v_start.tick_snapshot)
        and not exists (select from txid_snapshot_xip(t.tick_snapshot) x where txid_visible_in_snapshot(x, v_start.tick_snapshot))
    order by t.tick_id desc
    limit 1;
end;
$$;
create or replace function tributary.coop_open_batches(queues text[], group_name text, out batch_id bigint, out active text)
returns setof record
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select s.sub_batch, s.sub_active::text
    from pgq.queue q
    join pgq.consumer g on g.co_name = coop_open_batches.group_name
    join pgq.subscription m on m.sub_queue = q.queue_id and m.sub_consumer = g.co_id
    join pgq.subscription s on s.sub_queue = q.queue_id and s.sub_id = m.sub_id and s.sub_consumer <> m.sub_consumer
    where q.queue_name = any (queues) and s.sub_batch is not null and s.sub_active > to_timestamp(0)
$$;
create or replace function tributary.coop_expire(batch_id bigint, active text)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform 1 from pgq.subscription where sub_batch = batch_id for update skip locked;
    if not found then
        return false;
    end if;
    update pgq.subscription set sub_active = to_timestamp(0)
    where sub_batch = batch_id and sub_active > to_timestamp(0) and sub_active::text = active;
    return found;
end;
$$;
revoke all on function tributary.coop_expire(bigint, text) from public;
do $$
begin
    if to_regrole('pgq_reader') is not null then
        grant execute on function tributary.coop_expire(bigint, text) to pgq_reader;
    end if;
end;
$$;
create or replace function tributary.coop_forget(queue_id integer, consumer_id integer)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from pgq.subscription where sub_queue = queue_id and sub_consumer = consumer_id;
    perform 1 from pgq.consumer where co_id = consumer_id for update skip locked;
    if found then
        delete from pgq.consumer
        where co_id = consumer_id and not exists (select from pgq.subscription where sub_consumer = consumer_id);
    end if;
end;
$$;
revoke all on function tributary.coop_forget(integer, integer) from public;
create or replace function tributary.coop_mend(queue_id integer, consumer_id integer, consumer_name text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    update pgq.subscription
    set sub_last_tick = null, sub_next_tick = null
    where sub_queue = queue_id and sub_consumer = consumer_id and sub_batch is null;
    if found and consumer_name like E'%.\\%batch %' then
        perform tributary.coop_forget(queue_id, consumer_id);
    end if;
end;
$$;
revoke all on function tributary.coop_mend(integer, integer, text) from public;
create or replace function tributary.coop_group(queue text, group_name text)
returns pgq.subscription
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_main  pgq.subscription;
begin
    select s.* into v_main
    from pgq.queue q
    join pgq.consumer c on c.co_name = coop_group.group_name
    join pgq.subscription s on s.sub_queue = q.queue_id and s.sub_consumer = c.co_id
    where q.queue_name = coop_group.queue;
    if found then
        if v_main.sub_last_tick is null then
            raise exception using errcode = 'object_not_in_prerequisite_state', message = format(
                'Consumer %s of queue %s has no position: it is a member of another group, or was finished with the wrong function. '
                'Move it with pgq.register_consumer_at, or choose another name for the group.', group_name, queue);
        end if;
        return v_main;
    end if;
    perform 1 from pgq.queue where queue_name = coop_group.queue;
    if not found then
        raise exception using errcode = 'undefined_object', message = format(
            'Queue %s does not exist: create it with `tributary install`, or with pgq.create_queue.', coalesce(queue, 'NULL'));
    end if;
    raise exception using errcode = 'undefined_object', message = format(
        'Queue %s has no group %s: `tributary install` registers it; where it was removed, what waits is handled only if '
        'it is then moved back with pgq.register_consumer_at.', queue, coalesce(group_name, 'NULL'));
end;
$$;
create or replace function tributary.coop_member_name(group_name text, member text)
returns text
language sql immutable strict parallel safe
as $$
    select group_name || '.' || replace(replace(member, '%', '%25'), '.', '%2E')
$$;
create or replace function tributary.coop_member_of(group_name text, consumer_name text)
returns text
language sql immutable strict parallel safe
as $$
    select replace(replace(substr(consumer_name, length(group_name) + 2), '%2E', '.'), '%25', '%')
$$;
create or replace function tributary.coop_register(queue text, group_name text, member text)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queue     integer;
    v_main      pgq.subscription;
    v_name      text := tributary.coop_member_name(group_name, member);
    v_consumer  integer;
    v_mine      pgq.subscription;
begin
    if coalesce(group_name, '') = '' or coalesce(member, '') = '' then
        raise exception using errcode = 'invalid_parameter_value', message = 'A group and its member need names.';
    end if;
    for v_try in 1 .. 20 loop
        select q.queue_id into v_queue from pgq.queue q where q.queue_name = coop_register.queue;
        begin
            v_main := tributary.coop_group(queue, group_name);
            select s.* into v_mine
            from pgq.consumer c join pgq.subscription s on s.sub_queue = v_queue and s.sub_consumer = c.co_id
            where c.co_name = v_name;
            if found then
                if v_mine.sub_id <> v_main.sub_id then
                    raise exception using errcode = 'duplicate_object', message = format(
                        'Queue %s has a consumer %s that is no member of group %s: choose another name for the member.',
                        queue, v_name, group_name);
                end if;
                update pgq.subscription set sub_active = clock_timestamp()
                where sub_queue = v_queue and sub_consumer = v_mine.sub_consumer and sub_active = to_timestamp(0);
                return found::integer;
            end if;
            select co_id into v_consumer from pgq.consumer where co_name = v_name;
            if not found then
                insert into pgq.consumer (co_name) values (v_name) on conflict (co_name) do nothing
                returning co_id into v_consumer;
            end if;
            if v_consumer is not null then
                insert into pgq.subscription (sub_id, sub_queue, sub_consumer, sub_last_tick, sub_active)
                values (v_main.sub_id, v_queue, v_consumer, null, clock_timestamp())
                on conflict (sub_queue, sub_consumer) do nothing;
                if found then
                    return 1;
                end if;
            end if;
        exception
            when unique_violation or foreign_key_violation then
                if v_try = 20 then
                    raise;
                end if;
        end;
    end loop;
    raise exception using errcode = 'serialization_failure', message = format(
        'Member %s of group %s on queue %s is being registered and removed by others at the same moment: try again.', member, group_name, queue);
end;
$$;
revoke all on function tributary.coop_register(text, text, text) from public;
do $$
begin
    if to_regrole('pgq_reader') is not null then
        grant execute on function tributary.coop_register(text, text, text) to pgq_reader;
    end if;
end;
$$;
create or replace function tributary.coop_register_group(queue text, group_name text)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if coalesce(group_name, '') = '' then
        raise exception using errcode = 'invalid_parameter_value', message = 'A group needs a name.';
    end if;
    for v_try in 1 .. 20 loop
        perform 1 from pgq.queue q where q.queue_name = coop_register_group.queue
            and not exists (
                select from pgq.subscription s join pgq.consumer c on c.co_id = s.sub_consumer
                where s.sub_queue = q.queue_id and c.co_name = coop_register_group.group_name);
        if not found then
            return 0;
        end if;
        perform 1 from tributary.identity i
        where group_name = 'workers_' || i.name or starts_with(group_name, 'workers_' || i.name || '/');
        if found then
            perform tributary.coop_group(queue, group_name);
        end if;
        begin
            insert into pgq.consumer (co_name) values (group_name) on conflict (co_name) do nothing;
            return pgq.register_consumer(queue, group_name);
        exception
            when unique_violation or foreign_key_violation then
                if v_try = 20 then
                    raise;
                end if;
        end;
    end loop;
    return 0;
end;
$$;
revoke all on function tributary.coop_register_group(text, text) from public;
create or replace function tributary.coop_row(queue_id integer, consumer_id integer, hint tid,
    out sub_id integer, out sub_last_tick bigint, out sub_next_tick bigint, out sub_batch bigint, out at tid)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if hint is not null then
        begin
            hint := currtid2('pgq.subscription', hint);
        exception when others then
            hint := null;
        end;
        select s.sub_id, s.sub_last_tick, s.sub_next_tick, s.sub_batch, s.ctid
        into sub_id, sub_last_tick, sub_next_tick, sub_batch, at
        from pgq.subscription s
        where s.ctid = hint and s.sub_queue = queue_id and s.sub_consumer = consumer_id;
        if found then
            return;
        end if;
    end if;
    select s.sub_id, s.sub_last_tick, s.sub_next_tick, s.sub_batch, s.ctid
    into sub_id, sub_last_tick, sub_next_tick, sub_batch, at
    from pgq.subscription s
    where s.sub_queue = queue_id and s.sub_consumer = consumer_id;
end;
$$;
revoke all on function tributary.coop_row(integer, integer, tid) from public;
create or replace function tributary.coop_unregister(queue text, group_name text, member text)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_main  pgq.subscription;
    v_mine  pgq.subscription;
begin
    v_main := tributary.coop_group(queue, group_name);
    select s.* into v_mine
    from pgq.subscription s
    join pgq.consumer c on c.co_id = s.sub_consumer
    where s.sub_queue = v_main.sub_queue and s.sub_id = v_main.sub_id
        and c.co_name = tributary.coop_member_name(group_name, member)
    for update of s;
    if not found or v_mine.sub_batch is not null and v_mine.sub_active <= to_timestamp(0) then
        return 0;
    end if;
    if v_mine.sub_batch is null then
        perform tributary.coop_forget(v_mine.sub_queue, v_mine.sub_consumer);
    else
        update pgq.subscription set sub_active = to_timestamp(0)
        where sub_queue = v_mine.sub_queue and sub_consumer = v_mine.sub_consumer;
    end if;
    return 1;
end;
$$;
revoke all on function tributary.coop_unregister(text, text, text) from public;
do $$
begin
    if to_regrole('pgq_reader') is not null then
        grant execute on function tributary.coop_unregister(text, text, text) to pgq_reader;
    end if;
end;
$$;
create or replace function tributary.coop_leave(queue text, group_name text, member text, batch_id bigint)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_main  pgq.subscription := tributary.coop_group(queue, group_name);
begin
    perform 1
    from pgq.subscription s
    join pgq.consumer c on c.co_id = s.sub_consumer
    where s.sub_queue = v_main.sub_queue and s.sub_id = v_main.sub_id
        and c.co_name = tributary.coop_member_name(group_name, member)
        and (s.sub_batch is null or s.sub_batch = coop_leave.batch_id)
    for update of s;
    return case when found then tributary.coop_unregister(queue, group_name, member) else 0 end;
end;
$$;
revoke all on function tributary.coop_leave(text, text, text, bigint) from public;
do $$
begin
    if to_regrole('pgq_reader') is not null then
        grant execute on function tributary.coop_leave(text, text, text, bigint) to pgq_reader;
    end if;
end;
$$;
create or replace function tributary.group_of(
    x_name text, x_group text, out queue text, out group_name text, out part text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    queue := x_name;
    group_name := x_group;
    if strpos(x_name, '/') = 0 then
        return;
    end if;
    perform 1 from pgq.queue q where q.queue_name = x_name;
    if found then
        return;
    end if;
    part := substring(x_name from '[^/]*$');
    queue := left(x_name, -1 - length(part));
    group_name := x_group || '/' || part;
end;
$$;
create or replace function tributary.groups_of(x_group text)
returns table (queue text, part text, name text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select q.queue_name, g.part, q.queue_name || coalesce('/' || g.part, '')
    from pgq.consumer c
    cross join lateral (select nullif(substr(c.co_name, length(x_group) + 2), '') as part) g
    join pgq.subscription s on s.sub_consumer = c.co_id
    join pgq.queue q on q.queue_id = s.sub_queue
    where c.co_name = x_group or starts_with(c.co_name, x_group || '/') and strpos(g.part, '.') = 0
    order by q.queue_name, g.part nulls first
$$;
create or replace function tributary.begin_group(x_queue text, x_group text, x_at text, x_time timestamptz)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    q       record;
    v_at    text := case when x_at = 'time' and x_time > clock_timestamp() then 'now' else x_at end;
    v_tick  bigint;
begin
    select k.queue_id, k.queue_event_seq, k.queue_external_ticker or k.queue_ticker_paused as not_ours into q
    from pgq.queue k where k.queue_name = x_queue for no key update;
    if not found then
        raise exception using errcode = 'undefined_object', message = format(
            'Queue %s does not exist: create it with `tributary install`.', coalesce(x_queue, 'NULL'));
    end if;
    select s.sub_last_tick into v_tick
    from pgq.subscription s join pgq.consumer c on c.co_id = s.sub_consumer
    where s.sub_queue = q.queue_id and c.co_name = x_group;
    if found then
        return v_tick;
    end if;
    if v_at = 'now' then
        if not q.not_ours then
            perform nextval(q.queue_event_seq);
            v_tick := pgq.ticker(x_queue);
        end if;
        v_tick := coalesce(v_tick, (select max(t.tick_id) from pgq.tick t where t.tick_queue = q.queue_id));
    elsif v_at = 'time' then
        select max(t.tick_id) into v_tick
        from pgq.tick t
        where t.tick_queue = q.queue_id and t.tick_id < coalesce(
            (select min(y.tick_id) from pgq.tick y where y.tick_queue = q.queue_id and y.tick_time > x_time),
            9223372036854775807);
    end if;
    v_tick := coalesce(v_tick, (select min(t.tick_id) from pgq.tick t where t.tick_queue = q.queue_id));
    perform pgq.register_consumer_at(x_queue, x_group, v_tick);
    return v_tick;
end;
$$;
revoke all on function tributary.begin_group(text, text, text, timestamptz) from public;
do $$
begin
    if to_regrole('pgq_admin') is not null then
        grant execute on function tributary.begin_group(text, text, text, timestamptz) to pgq_admin;
    end if;
end;
$$;
create or replace function tributary.bury(x_queue text, x_group text, x_events json)
returns integer as $$
    with event as (
        select * from json_to_recordset(x_events) as (
            id bigint, "time" timestamptz, retry integer, type text, data text, extra1 text, extra2 text, extra3 text,
            extra4 text, origin text, kind text, attempts integer, error text, sqlstate text, stack text)
    ), waited as (
        delete from tributary.attempt a using event e
        where a.central_queue = x_queue and a.group_name = x_group and a.ev_id = e.id
        returning a.ev_id, a.first_at
    ), dead as (
        insert into tributary.dead_event (kind, central_queue, origin, ev_id, ev_time, ev_retry, ev_type, ev_data,
                                          ev_extra1, ev_extra2, ev_extra3, ev_extra4, error, sqlstate, stack, attempts,
                                          first_at, group_name)
        select e.kind, x_queue, e.origin, e.id, e."time", e.retry, e.type, e.data, e.extra1, e.extra2, e.extra3, e.extra4,
               e.error, e.sqlstate, e.stack, e.attempts, coalesce(w.first_at, now()),
               nullif(split_part(x_group, '/', 2), '')
        from event e left join waited w on w.ev_id = e.id
        returning 1
    )
    select count(*)::integer from dead;
$$ language sql set search_path = pg_catalog, pg_temp;
create or replace function tributary.condemn(x_source integer, x_events jsonb)
returns integer as $$
    with dead as (
        insert into tributary.dead_event (kind, central_queue, shard, source_queue, origin, raw, raw_length, error, sqlstate, attempts)
        select 'poison', coalesce(e.queue, s.central_queue), s.shard, s.queue, e.origin, decode(e.raw, 'base64'), e.raw_length, e.error, e.sqlstate,
            e.attempts
        from tributary.source s
        cross join jsonb_to_recordset(x_events) as e (origin text, raw text, raw_length bigint, error text, sqlstate text, attempts integer,
            queue text)
        where s.id = x_source
        returning 1)
    select count(*)::integer from dead
$$ language sql set search_path = pg_catalog, pg_temp;
create or replace function tributary.dead_matching(x_filter jsonb)
returns setof bigint as $$
    select d.id
    from tributary.dead_event d
    where (d.redriven_at is null or coalesce((x_filter->>'redriven')::boolean, false))
      and (x_filter->>'ids' is null or d.id = any (array(select jsonb_array_elements_text(x_filter->'ids')::bigint)))
      and (x_filter->>'queue' is null or d.central_queue = x_filter->>'queue'
           or d.central_queue || '/' || d.group_name = x_filter->>'queue')
      and (x_filter->>'work' is null or d.central_queue || coalesce('/' || d.group_name, '') = x_filter->>'work')
      and (x_filter->>'shard' is null or coalesce(d.shard, split_part(d.origin, ':', 1)) = x_filter->>'shard')
      and (x_filter->>'type' is null or d.ev_type = x_filter->>'type')
      and (x_filter->>'error' is null or x_filter->>'error' <> '' and strpos(d.error, x_filter->>'error') > 0)
      and (x_filter->>'alike' is null or tributary.dead_error(d.error) = x_filter->>'alike')
      and (x_filter->>'older_ms' is null or d.died_at < now() - (x_filter->>'older_ms')::float8 * interval '1 millisecond')
      and (x_filter->>'kind' is null or d.kind = x_filter->>'kind')
      and (x_filter->>'upto' is null or d.id <= (x_filter->>'upto')::bigint)
$$ language sql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.dead_list(x_filter jsonb, x_limit integer)
returns table (id bigint, queue text, "group" text, origin text, kind text, type text, attempts integer, first text, died text,
    redriven text, sqlstate text, error text, total bigint) as $$
    select d.id, d.central_queue, d.group_name, d.origin, d.kind, d.ev_type, d.attempts,
        to_char(d.first_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        to_char(d.died_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        to_char(d.redriven_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), d.sqlstate, d.error, count(*) over ()
    from tributary.dead_event d
    where d.id in (select tributary.dead_matching(x_filter))
    order by d.id desc
    limit x_limit
$$ language sql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.dead_count(x_filter jsonb, x_group text)
returns table (queue text, kind text, events bigint, newest bigint, has_queue boolean, has_group boolean) as $$
    select d.central_queue || coalesce('/' || d.group_name, ''), d.kind, count(*), max(d.id),
        exists (select from pgq.queue q where q.queue_name = d.central_queue),
        exists (select from pgq.queue q
                join pgq.subscription s on s.sub_queue = q.queue_id
                join pgq.consumer c on c.co_id = s.sub_consumer
                where q.queue_name = d.central_queue and c.co_name = x_group || coalesce('/' || d.group_name, ''))
    from tributary.dead_event d
    where d.id in (select tributary.dead_matching(x_filter))
    group by d.central_queue, d.group_name, d.kind
    order by 1, 2
$$ language sql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.dead_page(x_filter jsonb, x_after bigint, x_limit integer)
returns table (id bigint, queue text, kind text, is_whole boolean) as $$
    select d.id, d.central_queue, d.kind, coalesce(length(d.raw) = d.raw_length, false)
    from tributary.dead_event d
    where d.id > x_after and d.id in (select tributary.dead_matching(x_filter))
    order by d.id
    limit x_limit
$$ language sql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.dead_show(x_id bigint)
returns table (id bigint, queue text, "group" text, origin text, shard text, source_queue text, kind text, attempts integer, first text,
    died text, sqlstate text, error text, stack text, ev_id bigint, "time" text, type text, data text, extra1 text, extra2 text,
    extra3 text, extra4 text, raw text, raw_length bigint, redriven text) as $$
    select d.id, d.central_queue, d.group_name, d.origin, d.shard, d.source_queue, d.kind, d.attempts,
        to_char(d.first_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        to_char(d.died_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), d.sqlstate, d.error, d.stack, d.ev_id,
        to_char(d.ev_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), d.ev_type, d.ev_data, d.ev_extra1, d.ev_extra2,
        d.ev_extra3, d.ev_extra4, encode(d.raw, 'base64'), d.raw_length,
        to_char(d.redriven_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
    from tributary.dead_event d where d.id = x_id
$$ language sql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.dead_discard(x_filter jsonb, x_limit integer)
returns bigint as $$
    with gone as (
        delete from tributary.dead_event d
        where d.id in (select m.id from tributary.dead_matching(x_filter) m (id) order by m.id limit x_limit)
        returning 1)
    select count(*) from gone
$$ language sql set search_path = pg_catalog, pg_temp;
create or replace function tributary.dead_expire(x_queue text, x_keep_ms float8, x_limit integer)
returns bigint as $$
    with gone as (
        delete from tributary.dead_event d
        where d.id in (
            select e.id from tributary.group_of(x_queue, '') w, tributary.dead_event e
            where e.central_queue = w.queue
              and (e.group_name is not distinct from w.part or w.part is null and not exists (
                  select from tributary.worker_pool p where p.central_queue = e.central_queue || '/' || e.group_name))
              and coalesce(e.redriven_at, e.died_at) < now() - x_keep_ms * interval '1 millisecond'
            order by coalesce(e.redriven_at, e.died_at) limit x_limit)
        returning 1)
    select count(*) from gone
$$ language sql set search_path = pg_catalog, pg_temp;
create or replace function tributary.dead_retry(x_queue text, x_group text, x_ids bigint[])
returns table (id bigint, is_out boolean) as $$
declare
    d       record;
    v_group text;
    v_looked text;
begin
    for d in
        select * from tributary.dead_event e
        where e.id = any (x_ids) and e.central_queue = x_queue and e.kind <> 'poison' and e.redriven_at is null
        order by e.id
        for update
    loop
        v_group := x_group || coalesce('/' || d.group_name, '');
        if v_looked is distinct from v_group then
            perform tributary.coop_group(x_queue, v_group);
            v_looked := v_group;
        end if;
        begin
            perform pgq.event_retry_raw(x_queue, v_group, clock_timestamp(), d.ev_id, d.ev_time, 0, d.ev_type, d.ev_data,
                                        d.ev_extra1, d.ev_extra2, d.ev_extra3, d.ev_extra4);
            update tributary.dead_event e set redriven_at = clock_timestamp(), redriven = e.redriven + 1 where e.id = d.id;
            is_out := true;
        exception when unique_violation then
            is_out := false;
        end;
        id := d.id;
        return next;
    end loop;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.dead_raw(x_ids bigint[])
returns table (id bigint, raw text) as $$
    select d.id, encode(d.raw, 'base64')
    from tributary.dead_event d
    where d.id = any (x_ids) and d.redriven_at is null and length(d.raw) = d.raw_length
    order by d.id
$$ language sql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.dead_stored(x_ids bigint[])
returns void as $$
declare
    v_marked    bigint;
begin
    update tributary.dead_event d set redriven_at = clock_timestamp(), redriven = d.redriven + 1
    where d.id = any (x_ids) and d.redriven_at is null;
    get diagnostics v_marked = row_count;
    if v_marked <> cardinality(x_ids) then
        raise exception using errcode = 'object_in_use',
            message = 'Another command retries or discards the same dead events.';
    end if;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.dead_refused(x_id bigint, x_error text, x_sqlstate text)
returns void as $$
    update tributary.dead_event
    set error = x_error, sqlstate = x_sqlstate, attempts = attempts + 1, redriven = redriven + 1, died_at = now()
    where id = x_id and redriven_at is null
$$ language sql set search_path = pg_catalog, pg_temp;
create or replace function tributary.dead_run_beat(x_id uuid, x_run jsonb, x_done bigint)
returns boolean as $$
    with gone as (
        delete from tributary.dead_run r where r.seen_at < clock_timestamp() - interval '1 hour' and r.id <> x_id)
    insert into tributary.dead_run as r (id, host, who, what, central_queue, kind, error, events, per_second, done)
    values (x_id, x_run ->> 'host', x_run ->> 'who', x_run ->> 'what', x_run ->> 'queue', x_run ->> 'kind', x_run ->> 'error',
        (x_run ->> 'events')::bigint, (x_run ->> 'per_second')::double precision, x_done)
    on conflict (id) do update set done = excluded.done, seen_at = excluded.seen_at
    returning r.stop_wanted
$$ language sql set search_path = pg_catalog, pg_temp;
create or replace function tributary.dead_run_end(x_id uuid)
returns void as $$
    delete from tributary.dead_run r where r.id = x_id
$$ language sql set search_path = pg_catalog, pg_temp;
create or replace function tributary.dead_runs(x_silent interval)
returns setof tributary.dead_run as $$
    select r.* from tributary.dead_run r where r.seen_at > clock_timestamp() - x_silent order by r.began_at, r.id
$$ language sql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.dead_run_stop(x_id uuid, x_silent interval)
returns setof tributary.dead_run as $$
    update tributary.dead_run r set stop_wanted = true
    where r.id = x_id and r.seen_at > clock_timestamp() - x_silent
    returning r.*
$$ language sql set search_path = pg_catalog, pg_temp;
create or replace function tributary.dead_sums(x_filter jsonb, x_by text, x_limit integer)
returns table (what text, queues text[], events bigint, first text, last text, total bigint) as $$
    select s.what, array_agg(distinct s.name order by s.name), count(*),
        to_char(min(s.died_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        to_char(max(s.died_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), count(*) over ()
    from (
        select d.central_queue || coalesce('/' || d.group_name, '') as name, d.died_at,
            case x_by when 'queue' then d.central_queue || coalesce('/' || d.group_name, '') when 'type' then d.ev_type
                else regexp_replace(d.error, '[0-9]+', 'N', 'g') end as what
        from tributary.dead_event d
        where d.id in (select tributary.dead_matching(x_filter))) s
    group by s.what
    order by count(*) desc, s.what
    limit x_limit
$$ language sql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.dead_error(x_error text)
returns text as $$
    select left(regexp_replace(left(x_error, 1000), '[0-9]+', 'N', 'g'), 500)
$$ language sql immutable set search_path = pg_catalog, pg_temp;
create or replace function tributary.dead_alike(x_among integer, x_limit integer)
returns table (queue text, kind text, error text, events bigint, first text, last text, sample bigint) as $$
    select s.name, s.kind, tributary.dead_error(s.error), count(*),
        to_char(min(s.died_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        to_char(max(s.died_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), max(s.id)
    from (
        select d.id, d.central_queue || coalesce('/' || d.group_name, '') as name, d.kind, d.error, d.died_at
        from tributary.dead_event d
        where d.redriven_at is null
        order by d.id desc limit x_among) s
    group by 1, 2, 3
    order by 4 desc, 1, 2, 3
    limit x_limit
$$ language sql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.delayed_waiting(x_queue text)
returns setof tributary.delayed as $$
    select d.* from tributary.delayed_last_run(x_queue) r
    cross join lateral (
        select w.* from tributary.delayed w
        where w.central_queue = x_queue and w.due_at >= r.until_at and (w.due_at, w.id) > (r.until_at, r.until_id)
        union all
        select w.* from tributary.delayed_late(x_queue, r.until_at, r.until_id, r.snapshot) w) d
$$ language sql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.delayed_matching(x_filter jsonb, x_most integer)
returns setof tributary.delayed as $$
declare
    v_queue text;
begin
    for v_queue in
        select distinct s.central_queue from tributary.delayed_sum s
        where s.central_queue = coalesce(x_filter ->> 'queue', s.central_queue)
    loop
        return query
            select w.* from tributary.delayed_waiting(v_queue) w
            where (jsonb_typeof(x_filter -> 'ids') is distinct from 'array'
                    or w.id = any (array(select i::bigint from jsonb_array_elements_text(x_filter -> 'ids') i)))
                and (x_filter ->> 'type' is null or w.ev_type = x_filter ->> 'type')
                and (x_filter ->> 'within' is null
                    or w.due_at <= clock_timestamp() + (x_filter ->> 'within')::float8 * interval '1 millisecond')
                and (x_filter ->> 'later' is null or w.due_at > to_timestamp((x_filter ->> 'later')::float8 / 1000))
                and (x_filter ->> 'upto' is null or w.id <= (x_filter ->> 'upto')::bigint)
            order by w.due_at, w.id limit x_most;
    end loop;
end;
$$ language plpgsql stable set search_path = pg_catalog, pg_temp set jit = off;
create or replace function tributary.delayed_standing(x_queues text[])
returns table (queue text, events bigint, next_ms double precision, left_out bigint) as $$
    select s.central_queue, s.events, extract(epoch from f.due_at)::double precision * 1000, s.left_out
    from (
        select e.central_queue, sum(e.events)::bigint as events, sum(e.left_out)::bigint as left_out
        from tributary.delayed_sum e
        where e.central_queue = any (x_queues) group by 1) s
    left join lateral (
        select w.due_at from tributary.delayed_last_run(s.central_queue) r
        cross join lateral (
            select d.due_at from tributary.delayed d
            where d.central_queue = s.central_queue and d.due_at >= r.until_at and (d.due_at, d.id) > (r.until_at, r.until_id)
            order by d.due_at, d.id limit 1) w) f on true
    where s.events > 0 or s.left_out > 0
$$ language sql stable set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
   set max_parallel_workers_per_gather = 0;
create or replace function tributary.delayed_counts(x_filter jsonb)
returns table (queue text, events bigint, first_ms double precision, last_ms double precision, newest bigint) as $$
    select m.central_queue, count(*), extract(epoch from min(m.due_at))::double precision * 1000,
        extract(epoch from max(m.due_at))::double precision * 1000, max(m.id)
    from tributary.delayed_matching(x_filter, 1000000) m
    group by 1 order by 1
$$ language sql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.delayed_list(x_filter jsonb, x_most integer)
returns table (id bigint, queue text, due text, made text, type text, data text,
    extra1 text, extra2 text, extra3 text, extra4 text) as $$
    select m.id, m.central_queue, to_char(m.due_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        to_char(m.ev_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), m.ev_type, m.ev_data,
        m.ev_extra1, m.ev_extra2, m.ev_extra3, m.ev_extra4
    from tributary.delayed_matching(x_filter, x_most) m
    order by m.due_at, m.id limit x_most
$$ language sql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.delayed_cancel(x_filter jsonb, x_most integer, x_who text)
returns bigint as $$
declare
    v_gone  bigint;
begin
    perform from tributary.delayed_table t for no key update;
    with gone as (
        delete from tributary.delayed d
        using (select m.central_queue, m.due_at, m.id from tributary.delayed_matching(x_filter, x_most) m) w
        where d.central_queue = w.central_queue and d.due_at = w.due_at and d.id = w.id
        returning d.*),
    kept as (
        insert into tributary.delayed_cancelled (id, central_queue, txid, due_at, ev_time, ev_type,
            ev_extra1, ev_extra2, ev_extra3, ev_extra4, cancelled_by)
        select g.id, g.central_queue, g.txid, g.due_at, g.ev_time, g.ev_type,
            g.ev_extra1, g.ev_extra2, g.ev_extra3, g.ev_extra4, x_who
        from gone g
        returning central_queue),
    counted as (
        insert into tributary.delayed_sum (central_queue, events)
        select k.central_queue, -count(*) from kept k group by 1
        returning events)
    select coalesce(-sum(c.events), 0)::bigint into v_gone from counted c;
    return v_gone;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.delayed_now(x_filter jsonb, x_most integer)
returns bigint as $$
declare
    v_now   timestamptz := clock_timestamp();
    v_moved bigint;
begin
    perform from tributary.delayed_table t for no key update;
    execute format($sql$
        with gone as (
            delete from tributary.delayed d
            using (select m.central_queue, m.due_at, m.id from tributary.delayed_matching($1, $2) m) w
            where d.central_queue = w.central_queue and d.due_at = w.due_at and d.id = w.id
            returning d.*)
        insert into %s (central_queue, txid, id, due_at, ev_time, ev_type, ev_data,
            ev_extra1, ev_extra2, ev_extra3, ev_extra4, unique_key)
        select g.central_queue,
            case when r.until_at < $3 then g.txid else txid_current() end,
            g.id, $3, g.ev_time, g.ev_type, g.ev_data, g.ev_extra1, g.ev_extra2, g.ev_extra3, g.ev_extra4, g.unique_key
        from gone g cross join lateral tributary.delayed_last_run(g.central_queue) r
        order by g.due_at, g.id
        $sql$, tributary.delayed_door())
    using x_filter || jsonb_build_object('later', extract(epoch from v_now) * 1000), x_most, v_now;
    get diagnostics v_moved = row_count;
    return v_moved;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.delayed_fate(x_queue text, x_due timestamptz, x_id bigint, x_txid bigint)
returns table (is_gone boolean, delivery bigint) as $$
    select (x_due, x_id) <= (l.until_at, l.until_id) and txid_visible_in_snapshot(x_txid, l.snapshot),
        (select r.xid from tributary.delayed_run r
            where r.central_queue = x_queue and (x_due, x_id) <= (r.until_at, r.until_id)
                and txid_visible_in_snapshot(x_txid, r.snapshot)
                and not exists (
                    select from tributary.delayed_run p
                    where p.central_queue = x_queue and p.n = r.n - 1
                        and (x_due, x_id) <= (p.until_at, p.until_id)
                        and txid_visible_in_snapshot(x_txid, p.snapshot))
            order by r.n limit 1)
    from tributary.delayed_last_run(x_queue) l
$$ language sql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.delayed_due(x_queues text[])
returns setof text as $$
declare
    c_looked    constant integer := 5000;
    v_queue     text;
    v_last      bigint;
    r           record;
    v_is_due    boolean;
begin
    for v_queue in
        select distinct s.central_queue from tributary.delayed_sum s where s.central_queue = any (x_queues)
    loop
        select * into r from tributary.delayed_last_run(v_queue);
        select s.last_value into v_last from tributary.delayed_id s;
        if v_last - r.last_id >= c_looked and r.n > 0 then
            v_is_due := true;
        else
            execute format($sql$
                select exists (select from tributary.delayed d
                    where d.central_queue = $1 and d.due_at >= %1$L and d.due_at <= %2$L
                        and (d.due_at, d.id) > ($2, $3))
                $sql$, r.until_at, clock_timestamp())
            into v_is_due using v_queue, r.until_at, r.until_id;
            if not v_is_due and r.n > 0 and (v_last <> r.last_id or cardinality(r.open) > 0) then
                select exists (select from tributary.delayed_late(v_queue, r.until_at, r.until_id, r.snapshot)) into v_is_due;
            end if;
        end if;
        if v_is_due then
            return next v_queue;
        end if;
    end loop;
end;
$$ language plpgsql stable set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off
   set jit = off set max_parallel_workers_per_gather = 0 set datestyle = 'ISO';
create or replace function tributary.delayed_last_run(x_queue text)
returns table (n bigint, until_at timestamptz, until_id bigint, snapshot txid_snapshot, last_id bigint, open bigint[]) as $$
    select r.n, r.until_at, r.until_id, r.snapshot, r.last_id, array(select txid_snapshot_xip(r.snapshot))
    from (
        (select q.* from (select d.n, d.until_at, d.until_id, d.snapshot, d.last_id
            from tributary.delayed_run d where d.central_queue = x_queue order by d.n desc limit 1) q)
        union all
        select 0, '-infinity', 0, '1:1:', 0) r
    order by r.n desc limit 1
$$ language sql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.delayed_late(
    x_queue text, x_until_at timestamptz, x_until_id bigint, x_snapshot txid_snapshot)
returns setof tributary.delayed as $$
    select d.* from tributary.delayed d
    where d.txid >= txid_snapshot_xmax(x_snapshot)
        and d.central_queue = x_queue and (d.due_at, d.id) <= (x_until_at, x_until_id)
    union all
    select d.* from tributary.delayed d
    where d.txid = any (array(select txid_snapshot_xip(x_snapshot)))
        and d.central_queue = x_queue and (d.due_at, d.id) <= (x_until_at, x_until_id)
$$ language sql stable set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off
   set jit = off set max_parallel_workers_per_gather = 0 set datestyle = 'ISO';
create or replace function tributary.deliver_delayed(
    x_queue text, x_most integer, x_unique_ms double precision default null)
returns table (events bigint, is_more boolean, xid bigint) as $$
declare
    r           record;
    v_clock     timestamptz;
    v_now       timestamptz;
    v_until     record;
    v_last      bigint;
    v_snapshot  txid_snapshot;
    v_due       text;
    v_current   integer;
    v_first     text;
    v_left      bigint := 0;
begin
    perform from tributary.delayed_table t for no key update skip locked;
    if not found then
        is_more := true;
        return next;
        return;
    end if;
    xid := tributary.begin_events(x_queue);
    select * into r from tributary.delayed_last_run(x_queue);
    select s.last_value into v_last from tributary.delayed_id s;
    select txid_current_snapshot() into v_snapshot;
    v_clock := clock_timestamp();
    v_now := greatest(v_clock, r.until_at);
    execute format($sql$
        select d.due_at, d.id from tributary.delayed d
        where d.central_queue = $1 and d.due_at >= %1$L and d.due_at <= %2$L and (d.due_at, d.id) > ($2, $3)
            and txid_visible_in_snapshot(d.txid, $4)
        order by d.due_at, d.id offset $5 - 1 limit 1
        $sql$, r.until_at, v_now)
    into v_until using x_queue, r.until_at, r.until_id, v_snapshot,
        case when r.n = 0 and x_unique_ms is not null then 1000000 else x_most end;
    is_more := v_until.id is not null;
    if not is_more then
        select v_now as due_at, 9223372036854775807::bigint as id into v_until;
    end if;
    v_due := format($sql$(
            select d.* from tributary.delayed d
            where d.central_queue = $1 and d.due_at >= %1$L and d.due_at <= %2$L
                and (d.due_at, d.id) > ($2, $3) and (d.due_at, d.id) <= ($5, $6)
                and txid_visible_in_snapshot(d.txid, $7)
            union all
            select d.* from tributary.delayed_late($1, $2, $3, $4) d
            where txid_visible_in_snapshot(d.txid, $7))$sql$, r.until_at, v_until.due_at);
    if x_unique_ms is null then
        v_first := 'true';
    else
        select t.current into v_current from tributary.unique_table t;
        v_first := format('(e.unique_key is null or exists (select from tributary.unique_key_%s k
            where k.central_queue = $1 and k.key = e.unique_key and k.id = e.id and k.at = $8))', v_current);
        execute format($sql$
            insert into tributary.unique_key_%1$s (central_queue, key, id, at)
            select distinct on (e.unique_key) $1, e.unique_key, e.id, $8
            from %2$s e
            where e.unique_key is not null and not exists (select from tributary.unique_key k
                where k.central_queue = $1 and k.key = e.unique_key and k.at > $8 - $9 * interval '1 millisecond')
            order by e.unique_key, e.due_at, e.id
            on conflict (central_queue, key) do update set id = excluded.id, at = excluded.at
            $sql$, v_current, v_due)
        using x_queue, r.until_at, r.until_id, r.snapshot, v_until.due_at, v_until.id, v_snapshot, v_clock, x_unique_ms;
        execute format($sql$
            insert into tributary.unique_left_%1$s (central_queue, id, txid, ev_time, ev_type,
                ev_extra1, ev_extra2, ev_extra3, ev_extra4, due_at, at)
            select e.central_queue, e.id, e.txid, e.ev_time, e.ev_type, e.ev_extra1, e.ev_extra2, e.ev_extra3, e.ev_extra4,
                e.due_at, $8
            from %2$s e where not %3$s
            $sql$, v_current, v_due, v_first)
        using x_queue, r.until_at, r.until_id, r.snapshot, v_until.due_at, v_until.id, v_snapshot, v_clock;
        get diagnostics v_left = row_count;
    end if;
    execute format($sql$
        insert into %1$s (ev_time, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4)
        select e.ev_time, e.ev_type, e.ev_data, e.ev_extra1, e.ev_extra2, e.ev_extra3, e.ev_extra4
        from %2$s e where %3$s
        order by e.due_at, e.id
        $sql$, pgq.current_event_table(x_queue), v_due, v_first)
    using x_queue, r.until_at, r.until_id, r.snapshot, v_until.due_at, v_until.id, v_snapshot, v_clock;
    get diagnostics events = row_count;
    insert into tributary.delayed_run (central_queue, n, until_at, until_id, snapshot, last_id, events)
    values (x_queue, r.n + 1, v_until.due_at, v_until.id, v_snapshot, v_last, deliver_delayed.events);
    if events + v_left > 0 then
        insert into tributary.delayed_sum (central_queue, events, left_out)
        values (x_queue, -deliver_delayed.events - v_left, v_left);
    end if;
    if events = 0 then
        xid := null;
    end if;
    return next;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off
   set jit = off set max_parallel_workers_per_gather = 0 set datestyle = 'ISO';
create or replace function tributary.rotate_unique(x_period interval)
returns boolean as $$
declare
    v_current   integer;
begin
    select t.current into v_current from tributary.unique_table t where t.switched_at <= now() - x_period;
    if not found then
        return false;
    end if;
    perform from tributary.delayed_table t for no key update skip locked;
    if not found then
        return false;
    end if;
    begin
        execute format('lock table tributary.unique_key_%1$s, tributary.unique_left_%1$s in access exclusive mode nowait', 1 - v_current);
    exception when lock_not_available then
        return false;
    end;
    update tributary.unique_table set current = 1 - v_current, switched_at = now() where current = v_current;
    if not found then
        return false;
    end if;
    execute format('truncate tributary.unique_key_%1$s, tributary.unique_left_%1$s', 1 - v_current);
    return true;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.send_delayed(
    x_queue text, x_due double precision[], x_after double precision[], x_type text[], x_data text[],
    x_extra1 text[], x_extra2 text[], x_extra3 text[], x_extra4 text[], x_key text default null)
returns void as $$
declare
    v_now   timestamptz := clock_timestamp();
begin
    perform 1 from pgq.queue where queue_name = x_queue;
    if not found then
        raise exception using errcode = 'undefined_object',
            message = format('Queue %s does not exist on central: run `tributary install`.', x_queue);
    end if;
    execute format($sql$
        insert into %1$s (central_queue, due_at, ev_time, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4, unique_key)
        select d.*, md5((%2$s
            )::text) from (
        select $1 as central_queue, coalesce(to_timestamp(e.due / 1000), $2 + e.after * interval '1 millisecond'), $2 as ev_time,
            e.type as ev_type, e.data as ev_data, e.extra1 as ev_extra1, e.extra2 as ev_extra2, e.extra3 as ev_extra3,
            e.extra4 as ev_extra4
        from unnest($3, $4, $5, $6, $7, $8, $9, $10)
            with ordinality e (due, after, type, data, extra1, extra2, extra3, extra4, place)
        order by e.place) d
        $sql$, tributary.delayed_door(), coalesce(x_key, 'null'))
    using x_queue, v_now, x_due, x_after, x_type, x_data, x_extra1, x_extra2, x_extra3, x_extra4;
    insert into tributary.delayed_sum (central_queue, events) values (x_queue, cardinality(x_due));
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.delayed_door()
returns text as $$
    select format('tributary.delayed_%s', t.current) from tributary.delayed_table t
$$ language sql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.keep_delayed(x_queue text)
returns bigint as $$
declare
    v_xid       bigint := tributary.begin_events(x_queue);
    v_passed    bigint;
    v_kept      bigint;
begin
    execute format($sql$
        insert into %s (ev_time, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4)
        select d.ev_time, d.ev_type, d.ev_data, d.ev_extra1, d.ev_extra2, d.ev_extra3, d.ev_extra4
        from (select * from tributary.delayed_0 union all select * from tributary.delayed_1) d
        where d.txid = $1 and d.central_queue = $2 and d.due_at is null
        order by d.id
        $sql$, pgq.current_event_table(x_queue))
    using v_xid, x_queue;
    get diagnostics v_passed = row_count;
    select count(*) into v_kept
    from (select * from tributary.delayed_0 union all select * from tributary.delayed_1) d
    where d.txid = v_xid and d.central_queue = x_queue and d.due_at is not null;
    if v_kept > 0 then
        insert into tributary.delayed_sum (central_queue, events) values (x_queue, v_kept);
    end if;
    return v_passed;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
   set max_parallel_workers_per_gather = 0;
create or replace function tributary.sort_delayed(x_bytes bigint, x_most integer)
returns boolean as $$
declare
    v_current   integer;
    v_full      text;
    v_rows      tid[];
    v_is_used   boolean;
    q           record;
    s           record;
begin
    select t.current into v_current from tributary.delayed_table t for no key update skip locked;
    if not found then
        return false;
    end if;
    for s in select * from tributary.delayed_slice e where e.until_at < clock_timestamp() - interval '1 minute' loop
        if tributary.drop_delayed_slice(s.name) then
            return true;
        end if;
    end loop;
    v_full := format('tributary.delayed_%s', 1 - v_current);
    execute format('select exists (select from %s)', v_full) into v_is_used;
    if not v_is_used then
        if pg_relation_size(format('tributary.delayed_%s', v_current)::regclass) < x_bytes then
            return false;
        end if;
        update tributary.delayed_table set current = 1 - v_current, switched_at = now();
        return true;
    end if;
    begin
        execute format('lock table %s in access exclusive mode nowait', v_full);
    exception when lock_not_available then
        return false;
    end;
    for q in
        select m.central_queue, r.* from (select distinct e.central_queue from tributary.delayed_sum e) m
        cross join lateral tributary.delayed_last_run(m.central_queue) r
    loop
        execute format($sql$
            select array(select w.ctid from %1$s w
                    where w.central_queue = $1 and (w.due_at, w.id) > ($2, $3) limit $5)
                || array(select w.ctid from %1$s w
                    where w.central_queue = $1 and (w.due_at, w.id) <= ($2, $3) and not txid_visible_in_snapshot(w.txid, $4)
                    limit $5)
            $sql$, v_full) into v_rows using q.central_queue, q.until_at, q.until_id, q.snapshot, x_most;
        if cardinality(v_rows) > 0 then
            perform tributary.move_delayed(v_full, v_rows);
            return true;
        end if;
    end loop;
    execute format($sql$select exists (select from %s w where w.due_at is not null
        and w.central_queue not in (select e.central_queue from tributary.delayed_sum e)
        and not exists (select from tributary.delayed_run r where r.central_queue = w.central_queue))$sql$, v_full) into v_is_used;
    if not v_is_used then
        execute format('truncate %s', v_full);
    end if;
    return false;
end;
$$ language plpgsql security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
   set max_parallel_workers_per_gather = 0;
revoke all on function tributary.sort_delayed(bigint, integer) from public;
create or replace function tributary.move_delayed(x_table text, x_rows tid[])
returns void as $$
declare
    c_form  constant text := 'YYYY-MM-DD HH24:MI:SS "UTC"';
    s       record;
    v_left  integer := cardinality(x_rows);
    v_moved integer;
begin
    for s in
        execute format($sql$
            select w.unit, w.from_at, w.from_at + ('1 ' || w.unit)::interval as until_at
            from (
                select u.unit, date_trunc(u.unit, d.due_at at time zone 'UTC') as from_at
                from %s d
                cross join lateral (select case when d.due_at < now() + interval '2 days' then 'hour'
                    when d.due_at < now() + interval '62 days' then 'day' else 'month' end as unit) u
                where d.ctid = any ($1)
                group by 1, 2) w
            order by array_position('{hour,day,month}'::text[], w.unit)
            $sql$, x_table) using x_rows
    loop
        execute format($sql$
            with gone as (
                delete from %1$s d where d.ctid = any ($1) and d.due_at >= %3$L and d.due_at < %4$L returning d.*)
            insert into %2$s (central_queue, txid, id, due_at, ev_time, ev_type, ev_data,
                ev_extra1, ev_extra2, ev_extra3, ev_extra4, unique_key)
            select g.* from gone g
            $sql$, x_table, tributary.delayed_slice(s.unit, s.from_at, s.until_at),
            to_char(s.from_at, c_form), to_char(s.until_at, c_form)) using x_rows;
        get diagnostics v_moved = row_count;
        v_left := v_left - v_moved;
    end loop;
    if v_left <> 0 then
        raise exception using errcode = 'internal_error', message = 'not every delayed event went into one slice';
    end if;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp set jit = off;
create or replace function tributary.delayed_slice(x_unit text, x_from timestamp, x_until timestamp)
returns text as $$
declare
    c_form  constant text := 'YYYY-MM-DD HH24:MI:SS "UTC"';
    v_name  text := format('delayed_%s_%s', x_unit, to_char(x_from, 'YYYYMMDDHH24'));
    v_table text := format('tributary.%I', v_name);
begin
    if to_regclass(v_table) is not null then
        return v_table;
    end if;
    execute format('create table %s (check (due_at >= %L and due_at < %L)) inherits (tributary.delayed)',
        v_table, to_char(x_from, c_form), to_char(x_until, c_form));
    execute format('create index on %s (central_queue, due_at, id)', v_table);
    execute format('create index on %s (txid)', v_table);
    execute format('alter table %s set (autovacuum_vacuum_insert_threshold = -1)', v_table);
    insert into tributary.delayed_slice (name, from_at, until_at)
    values (v_name, x_from at time zone 'UTC', x_until at time zone 'UTC');
    return v_table;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.drop_delayed_slice(x_name text)
returns boolean as $$
declare
    q           record;
    v_is_used   boolean;
begin
    begin
        execute format('lock table tributary.%I in access exclusive mode nowait', x_name);
    exception when lock_not_available then
        return false;
    end;
    for q in
        select m.central_queue, r.* from (select distinct e.central_queue from tributary.delayed_sum e) m
        cross join lateral tributary.delayed_last_run(m.central_queue) r
    loop
        execute format($sql$
            select exists (select from tributary.%1$I w where w.central_queue = $1 and (w.due_at, w.id) > ($2, $3))
                or exists (select from tributary.%1$I w where w.central_queue = $1 and w.txid >= txid_snapshot_xmax($4))
                or exists (select from tributary.%1$I w where w.central_queue = $1
                    and w.txid = any (array(select txid_snapshot_xip($4))))
            $sql$, x_name) into v_is_used using q.central_queue, q.until_at, q.until_id, q.snapshot;
        if v_is_used then
            return false;
        end if;
    end loop;
    execute format('drop table tributary.%I', x_name);
    delete from tributary.delayed_slice s where s.name = x_name;
    return true;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
   set max_parallel_workers_per_gather = 0;
create or replace function tributary.tidy_delayed(x_kept interval)
returns void as $$
declare
    v_sums  jsonb;
begin
    delete from tributary.delayed_run r
    where (r.central_queue, r.n) in (
        select o.central_queue, o.n from tributary.delayed_run o
        where o.at < now() - x_kept
            and exists (select from tributary.delayed_run l where l.central_queue = o.central_queue and l.n > o.n)
        limit 5000);
    delete from tributary.delayed_cancelled c where c.cancelled_at < now() - interval '7 days';
    if (select count(*) from (select from tributary.delayed_sum limit 2) e) < 2 then
        return;
    end if;
    begin
        lock table tributary.delayed_sum in access exclusive mode nowait;
    exception when lock_not_available then
        return;
    end;
    select jsonb_agg(jsonb_build_object('queue', t.central_queue, 'events', t.events, 'left_out', t.left_out)) into v_sums
    from (select e.central_queue, sum(e.events)::bigint as events, sum(e.left_out)::bigint as left_out
        from tributary.delayed_sum e group by 1) t
    where t.events <> 0 or t.left_out <> 0;
    truncate tributary.delayed_sum;
    insert into tributary.delayed_sum (central_queue, events, left_out)
    select e.queue, e.events, e.left_out from jsonb_to_recordset(v_sums) as e (queue text, events bigint, left_out bigint);
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.lag_came(x_queue integer, x_sequence text)
returns double precision as $$
declare
    v_last      bigint;
    v_from      record;
begin
    select t.tick_event_seq as seq, extract(epoch from clock_timestamp() - t.tick_time)::double precision as age into v_from
    from pgq.tick t
    where t.tick_queue = x_queue and t.tick_time <= clock_timestamp() - interval '1 minute'
    order by t.tick_id desc limit 1;
    if v_from is null or v_from.age > 300 then
        return null;
    end if;
    execute format('select last_value from %s', x_sequence) into v_last;
    return greatest(v_last - v_from.seq, 0) / v_from.age;
end;
$$ language plpgsql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.lag_central(x_queues text[], x_group text)
returns table (
    queue text, is_there boolean, has_group boolean, wanted integer, running integer, parked text, troubled text,
    tried bigint, failed bigint, failure text, came double precision,
    handled double precision, batches jsonb, events_behind bigint, exact boolean, seconds_behind double precision, position_tick bigint, tick_is_gone boolean, retrying bigint,
    dead bigint, lanes integer, next_lanes integer,
    paused_keys bigint, paused_events bigint, paused_seconds double precision, paused_key text) as $$
#variable_conflict use_column
declare
    c_counted   constant integer := 10000;
    q           record;
    g           record;
    b           record;
    p           record;
    v_oldest    timestamptz;
    v_all       bigint;
    v_waiting   bigint;
    v_found     record;
begin
    for q in
        select w.name, o.queue as queue_name, o.group_name, o.part, pq.queue_id, pq.queue_data_pfx, pq.queue_event_seq
        from unnest(x_queues) with ordinality w (name, n)
        cross join lateral tributary.group_of(w.name, x_group) o
        left join pgq.queue pq on pq.queue_name = o.queue
        order by w.n
    loop
        queue := q.name;
        is_there := q.queue_id is not null;
        events_behind := null;
        exact := false;
        seconds_behind := null;
        tick_is_gone := false;
        lanes := null;
        next_lanes := null;
        v_waiting := 0;
        paused_keys := 0;
        paused_events := 0;
        paused_seconds := null;
        paused_key := null;
        came := tributary.lag_came(q.queue_id, q.queue_event_seq);
        select p.wanted into wanted from tributary.worker_pool p where p.central_queue = q.name;
        select coalesce(sum(least(h.slots, coalesce((m.details -> 'running' ->> q.name)::bigint, h.slots)))
                filter (where m.seen_at > clock_timestamp() - m.ttl / 6), 0),
            min('on ' || m.host || ': ' || (m.details -> 'parked' ->> q.name)),
            min('on ' || m.host || ': ' || (m.details -> 'troubled' ->> q.name)),
            coalesce(sum((m.details -> 'recent' -> q.name ->> 'tried')::bigint), 0),
            coalesce(sum((m.details -> 'recent' -> q.name ->> 'failed')::bigint), 0),
            (array_agg(m.details -> 'recent' -> q.name ->> 'error'
                order by (m.details -> 'recent' -> q.name ->> 'failed')::bigint desc nulls last))[1],
            case when bool_and(m.details -> 'handled' ? q.name)
                then sum((m.details -> 'handled' ->> q.name)::double precision) end,
            coalesce(jsonb_path_query_array(jsonb_agg(m.details -> 'batches' -> q.name)
                filter (where jsonb_typeof(m.details -> 'batches' -> q.name) = 'array'), '$[*][*]'), '[]')
        into running, parked, troubled, tried, failed, failure, handled, batches
        from (select l.holder, count(*) as slots
              from tributary.lease l
              where starts_with(l.resource, 'slot:' || q.name || '#') and l.is_held
                  and substr(l.resource, length('slot:' || q.name || '#') + 1) ~ '^[0-9]+$'
              group by l.holder) h
        join tributary.member m on m.id = h.holder;
        select count(*) into dead from tributary.dead_event d
        where d.central_queue = q.queue_name and d.group_name is not distinct from q.part and d.redriven_at is null;
        select s.sub_id, s.sub_consumer, s.sub_last_tick, t.tick_id, t.tick_time, t.tick_event_seq, t.tick_snapshot into g
        from pgq.consumer c
        join pgq.subscription s on s.sub_queue = q.queue_id and s.sub_consumer = c.co_id
        left join pgq.tick t on t.tick_queue = s.sub_queue and t.tick_id = s.sub_last_tick
        where c.co_name = q.group_name;
        has_group := found;
        position_tick := g.sub_last_tick;
        retrying := 0;
        if not has_group then
            return next;
            continue;
        end if;
        select count(*) into retrying from pgq.retry_queue r where r.ev_owner = g.sub_id and r.ev_queue = q.queue_id;
        if g.tick_id is null then
            tick_is_gone := true;
            return next;
            continue;
        end if;
        select nullif(o.lanes, 0), o.next_lanes into lanes, next_lanes
        from tributary.lane_set o where o.queue_id = q.queue_id and o.sub_id = g.sub_id;
        if next_lanes is not null or lanes is not null then
            select count(*) filter (where k.waits_for = 'retry'),
                extract(epoch from clock_timestamp() - min(k.since) filter (where k.waits_for = 'retry')),
                (array_agg(k.key order by k.since) filter (where k.waits_for = 'retry'))[1], count(*)
            into paused_keys, paused_seconds, paused_key, v_waiting
            from tributary.paused_key k where k.queue_id = q.queue_id and k.sub_id = g.sub_id;
        end if;
        v_oldest := null;
        if v_waiting > paused_keys then
            select min(w.ev_time) into v_oldest
            from tributary.paused_key k
            cross join lateral (
                select w.ev_time from tributary.lane_waiting w
                where w.queue_id = k.queue_id and w.sub_id = k.sub_id and w.hash = k.hash and w.ev_id >= tributary.waits_from(k)
                order by w.ev_id limit 1) w
            where k.queue_id = q.queue_id and k.sub_id = g.sub_id and k.waits_for <> 'retry';
        end if;
        if paused_keys > 0 then
            select count(*) into paused_events
            from (select from tributary.paused_key k
                  join tributary.lane_waiting w on w.queue_id = k.queue_id and w.sub_id = k.sub_id and w.hash = k.hash
                  where k.queue_id = q.queue_id and k.sub_id = g.sub_id and k.waits_for = 'retry' limit c_counted) w;
            retrying := retrying + paused_keys;
        end if;
        if v_waiting > 0 then
            select count(*) into v_waiting from (
                select from tributary.lane_waiting w where w.queue_id = q.queue_id and w.sub_id = g.sub_id limit c_counted) w;
        end if;
        events_behind := v_waiting;
        exact := v_waiting < c_counted;
        for p in
            select f.at, t.tick_time, t.tick_snapshot, f.own
            from (select g.sub_last_tick as at, null::text as own where lanes is null
                  union all
                  select l.position, tributary.lane_filter(o.key, quote_literal(l.buckets) || '::integer[]')
                  from tributary.lane l join tributary.lane_set o on o.queue_id = l.queue_id and o.sub_id = l.sub_id
                  where lanes is not null and l.queue_id = q.queue_id and l.sub_id = g.sub_id) f
            left join pgq.tick t on t.tick_queue = q.queue_id and t.tick_id = f.at
        loop
            if p.tick_snapshot is null then
                tick_is_gone := true;
                exact := false;
                continue;
            end if;
            select * into v_found
            from tributary.lag_rows(q.queue_data_pfx, p.tick_snapshot, null, g.sub_id, c_counted + 1, p.own);
            v_all := v_found.rows;
            if v_found.rows > c_counted then
                exact := false;
                v_all := greatest(v_found.rows,
                    tributary.lag_estimate(q.queue_data_pfx, p.tick_snapshot, null) / coalesce(lanes, 1));
            end if;
            events_behind := events_behind + v_all;
            if v_found.rows > 0 then
                v_oldest := least(v_oldest, coalesce(
                    (select least(v_found.oldest, t.tick_time)
                     from (select t.tick_time from pgq.tick t
                           where t.tick_queue = q.queue_id and t.tick_id > p.at and lanes is null order by t.tick_id limit 1) t),
                    v_found.oldest, p.tick_time));
            end if;
        end loop;
        for b in
            select s.sub_last_tick, f.tick_id as from_tick, f.tick_snapshot as from_snapshot,
                e.tick_snapshot as end_snapshot,
                tributary.lane_filter(o.key, quote_literal(l.buckets) || '::integer[]') as own,
                (select t.tick_time from pgq.tick t
                 where t.tick_queue = q.queue_id and t.tick_id > s.sub_last_tick order by t.tick_id limit 1) as oldest
            from pgq.subscription s
            left join pgq.tick f on f.tick_queue = s.sub_queue and f.tick_id = s.sub_last_tick
            left join pgq.tick e on e.tick_queue = s.sub_queue and e.tick_id = s.sub_next_tick
            left join tributary.lane l on l.queue_id = s.sub_queue and l.sub_id = s.sub_id and l.batch = s.sub_batch
            left join tributary.lane_set o on o.queue_id = l.queue_id and o.sub_id = l.sub_id
            where s.sub_queue = q.queue_id and s.sub_id = g.sub_id and s.sub_consumer <> g.sub_consumer
                and s.sub_last_tick is not null and s.sub_batch is not null
        loop
            if b.from_snapshot is null or b.end_snapshot is null then
                tick_is_gone := true;
                exact := false;
                continue;
            end if;
            select * into v_found
            from tributary.lag_rows(q.queue_data_pfx, b.from_snapshot, b.end_snapshot, g.sub_id, c_counted + 1, b.own);
            if v_found.rows > 0 then
                v_oldest := least(v_oldest, v_found.oldest, case when b.own is null then b.oldest end);
                if v_found.rows > c_counted then
                    exact := false;
                    events_behind := events_behind + greatest(v_found.rows,
                        tributary.lag_estimate(q.queue_data_pfx, b.from_snapshot, b.end_snapshot) / coalesce(lanes, 1));
                else
                    events_behind := events_behind + v_found.rows;
                end if;
            end if;
        end loop;
        seconds_behind := coalesce(greatest(extract(epoch from clock_timestamp() - v_oldest), 0), 0);
        return next;
    end loop;
end;
$$ language plpgsql stable security definer set search_path = pg_catalog, pg_temp;
revoke all on function tributary.lag_central(text[], text) from public;
do $$
begin
    if to_regrole('pgq_reader') is not null then
        grant execute on function tributary.lag_central(text[], text) to pgq_reader;
    end if;
end;
$$;
create or replace function tributary.lag_rows(
    x_table text, x_from txid_snapshot, x_end txid_snapshot, x_group integer, x_limit integer, x_where text default null,
    out rows bigint, out oldest timestamptz) as $$
begin
    execute format($sql$
        select count(*), min(r.ev_time) filter (where r.ev_retry is null)
        from (
            select * from (
                select e.ev_time, e.ev_retry from %1$s e
                where e.ev_txid = any (array(select txid_snapshot_xip($1)))
                    and (e.ev_owner is null or e.ev_owner = $3) and ($2 is null or txid_visible_in_snapshot(e.ev_txid, $2)) and %2$s
                limit $4) open_then
            union all
            select * from (
                select e.ev_time, e.ev_retry from %1$s e
                where e.ev_txid >= txid_snapshot_xmax($1)
                    and (e.ev_owner is null or e.ev_owner = $3) and ($2 is null or txid_visible_in_snapshot(e.ev_txid, $2)) and %2$s
                order by e.ev_txid limit $4) begun_since
            limit $4) r
        $sql$, x_table, coalesce(x_where, 'true'))
    into rows, oldest using x_from, x_end, x_group, x_limit;
end;
$$ language plpgsql stable
   set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off
   set max_parallel_workers_per_gather = 0;
create or replace function tributary.lag_estimate(x_table text, x_from txid_snapshot, x_end txid_snapshot)
returns bigint as $$
declare
    c_transactions  constant integer := 500;
    v_open          bigint[] := array(select xip from txid_snapshot_xip(x_from) xip order by xip);
    v_begun         bigint := txid_snapshot_xmax(x_from) - 1;
    v_txid          bigint;
    v_first         bigint;
    v_last          bigint;
    v_newest        bigint := 0;
    v_sum           bigint := 0;
begin
    for i in 1 .. c_transactions + cardinality(v_open) loop
        v_txid := v_open[i];
        if v_txid is null then
            execute format('select e.ev_txid from %s e where e.ev_txid > $1 order by e.ev_txid limit 1', x_table)
            into v_begun using v_begun;
            exit when v_begun is null or v_begun >= txid_snapshot_xmax(x_end);
            v_txid := v_begun;
        end if;
        continue when not txid_visible_in_snapshot(v_txid, x_end);
        execute format('select e.ev_id from %s e where e.ev_txid between $1 and $1 order by e.ev_txid limit 1', x_table)
        into v_first using v_txid;
        continue when v_first is null;
        execute format('select e.ev_id from %s e where e.ev_txid between $1 and $1 order by e.ev_txid desc limit 1', x_table)
        into v_last using v_txid;
        v_sum := v_sum + greatest(v_last - v_first + 1, 1);
        v_newest := greatest(v_newest, v_last);
    end loop;
    if v_begun < txid_snapshot_xmax(x_end) or v_begun is not null and x_end is null then
        execute format('select e.ev_id from %s e where $1 is null or e.ev_txid < $1 order by e.ev_txid desc limit 1', x_table)
        into v_last using txid_snapshot_xmax(x_end);
        v_sum := v_sum + greatest(v_last - v_newest, 0);
    end if;
    return v_sum;
end;
$$ language plpgsql stable
   set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off
   set jit = off set max_parallel_workers_per_gather = 0;
create or replace function tributary.lag_batch(x_token bigint)
returns bigint as $$
    select tributary.lag_estimate(q.queue_data_pfx, f.tick_snapshot, e.tick_snapshot)
    from pgq.subscription b
    join pgq.queue q on q.queue_id = b.sub_queue
    join pgq.tick f on f.tick_queue = b.sub_queue and f.tick_id = b.sub_last_tick
    join pgq.tick e on e.tick_queue = b.sub_queue and e.tick_id = b.sub_next_tick
    where b.sub_batch = x_token;
$$ language sql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.lag_slow(x_queues text[])
returns table (queue text, disk_bytes bigint, overdue_s double precision, held_bytes bigint, dead jsonb,
    renewed_s double precision) as $$
    select w.name, t.bytes, o.overdue_s, case when o.overdue_s > 0 then t.others when w.part is null then 0 end,
        (select coalesce(jsonb_object_agg(d.kind, d.n), '{}')
         from (select d.kind, count(*) as n from tributary.dead_event d
               where d.central_queue = q.queue_name and d.group_name is not distinct from w.part and d.redriven_at is null
               group by d.kind) d),
        (select extract(epoch from p.renewed_at)::double precision from tributary.worker_pool p
         where p.central_queue = w.name)
    from (select n.name, g.queue, g.part from unnest(x_queues) n (name) cross join lateral tributary.group_of(n.name, '') g) w
    join pgq.queue q on q.queue_name = w.queue
    left join lateral (
        select coalesce(sum(pg_total_relation_size(i.inhrelid)), 0)::bigint as bytes,
            coalesce(sum(pg_total_relation_size(i.inhrelid))
                filter (where i.inhrelid <> (q.queue_data_pfx || '_' || q.queue_cur_table)::regclass), 0)::bigint as others
        from pg_inherits i where i.inhparent = q.queue_data_pfx::regclass) t on w.part is null
    cross join lateral (
        select extract(epoch from now() - q.queue_switch_time - q.queue_rotation_period)::double precision as late) l
    left join lateral (select case when l.late > 60 then l.late else 0 end as overdue_s) o on w.part is null
$$ language sql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.lag_sources()
returns table (
    source integer, shard text, queue text, central_queue text, state text, halt_reason text, paused boolean,
    pause_reason text, paused_age_s double precision, n bigint, tick_id bigint, tick_time_us bigint,
    tick_event_seq bigint, tick_snapshot_md5 text, end_tick_id bigint, last_event_id bigint, moved bigint,
    report_age_s double precision, figures_age_s double precision, report_state text, report_reason text, mover text,
    events_behind bigint, exact boolean, seconds_behind double precision, ages boolean, last_tick bigint, provider text,
    holder text, freed_age_s double precision, halted_age_s double precision, state_age_s double precision,
    halt_code text, paused_by text, cause text, routes text[], unrouted bigint) as $$
    select s.id, s.shard, s.queue, s.central_queue, s.state, s.halt_reason, s.paused_at is not null, s.pause_reason,
        extract(epoch from now() - s.paused_at)::double precision, p.n, p.tick_id, p.tick_time_us, p.tick_event_seq,
        p.tick_snapshot_md5, p.end_tick_id, p.last_event_id, p.moved,
        extract(epoch from now() - l.reported_at)::double precision,
        extract(epoch from now() - l.at)::double precision,
        l.state, l.reason, l.mover, l.events_behind, l.exact, l.seconds_behind, l.ages, l.last_tick,
        l.provider,
        case when e.is_held then e.host end,
        case when e.holder is null then extract(epoch from now() - e.freed_at)::double precision end,
        case when s.state = 'halted' then extract(epoch from now() - s.halted_at)::double precision end,
        extract(epoch from now() - l.state_since)::double precision,
        s.halt_code, s.paused_by, l.cause, s.routes, p.unrouted
    from tributary.source s
    left join lateral (
        select * from tributary.position p where p.source = s.id order by p.n desc limit 1) p on true
    left join tributary.source_report l on l.source = s.id
    left join tributary.lease e on e.resource = 'shard:' || s.shard
    where s.state <> 'retired'
    order by s.shard, s.queue
$$ language sql stable
   set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off
   set max_parallel_workers_per_gather = 0;
create or replace function tributary.store_lag(
    x_member uuid, x_mover text, x_age_s double precision, x_figures jsonb, x_left integer[])
returns integer as $$
declare
    v_stored    integer := 0;
begin
    perform set_config('synchronous_commit', 'off', true);
    if cardinality(x_left) > 0 then
        update tributary.source_lag l
        set member = null, reported_at = r.reported_at, at = r.at, seconds_behind = r.seconds_behind, stands = false, ages = false
        from tributary.source_report r
        where l.source = any (x_left) and l.member = x_member and r.source = l.source;
    end if;
    if jsonb_array_length(x_figures) > 0 then
        insert into tributary.source_lag as l (source, reported_at, at, state, reason, member, mover, events_behind, exact,
            seconds_behind, stands, ages, last_tick, provider, state_since, cause)
        select f.source, now(), now() - make_interval(secs => f.age_s), f.state, f.reason, x_member, x_mover,
            f.events_behind, f.exact, f.seconds_behind, f.stands, f.ages, f.last_tick, f.provider, now(), f.cause
        from jsonb_to_recordset(x_figures) as f (source integer, age_s double precision, state text, reason text,
            events_behind bigint, exact boolean, seconds_behind double precision, stands boolean, ages boolean,
            last_tick bigint, provider text, cause text)
        where exists (select from tributary.source s where s.id = f.source)
        order by f.source
        on conflict (source) do update set
            state_since = case when excluded.state = l.state then l.state_since else excluded.state_since end,
            reported_at = excluded.reported_at, state = excluded.state, reason = excluded.reason,
            cause = excluded.cause,
            member = excluded.member, mover = excluded.mover, stands = excluded.stands, ages = excluded.ages,
            at = case when excluded.events_behind is null
                then (select r.at from tributary.source_report r where r.source = l.source) else excluded.at end,
            events_behind = coalesce(excluded.events_behind, l.events_behind),
            exact = case when excluded.events_behind is null then l.exact else excluded.exact end,
            seconds_behind = case when excluded.events_behind is null
                then (select r.seconds_behind from tributary.source_report r where r.source = l.source)
                else excluded.seconds_behind end,
            last_tick = coalesce(excluded.last_tick, l.last_tick),
            provider = coalesce(excluded.provider, l.provider);
        get diagnostics v_stored = row_count;
    end if;
    update tributary.mover_report r set at = now(), age = make_interval(secs => x_age_s) where r.member = x_member;
    if not found then
        delete from tributary.mover_report r
        where r.at < now() - interval '1 day' and not exists (select from tributary.source_lag l where l.member = r.member);
        insert into tributary.mover_report (member, at, age) values (x_member, now(), make_interval(secs => x_age_s))
        on conflict (member) do nothing;
    end if;
    return v_stored;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.bucket_of(x_key text, x_id bigint)
returns integer
language sql immutable parallel safe
as $$
    select case when x_key is null then (x_id & 63)::integer
        else ('x' || pg_catalog.left(pg_catalog.md5(x_key), 2))::bit(8)::integer & 63 end
$$;
create or replace function tributary.lane_filter(x_key text, x_buckets text)
returns text
language sql immutable strict
set search_path = pg_catalog, pg_temp
as $$
    select format(E'tributary.bucket_of((%s\n)::text, ev_id) = any (%s)', x_key, x_buckets)
$$;
create or replace function tributary.lane_hold(x_queue integer, x_sub integer, x_lane integer, x_batch bigint)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off set max_parallel_workers_per_gather = 0
as $$
declare
    s           tributary.lane_set;
    v_buckets   integer[];
    v_hashes    text[] := '{}';
    v_room      integer[] := '{}';
begin
    select l.buckets into v_buckets
    from tributary.lane l where l.queue_id = x_queue and l.sub_id = x_sub and l.lane = x_lane;
    select * into s from tributary.lane_set o where o.queue_id = x_queue and o.sub_id = x_sub;
    update tributary.paused_key k set batch = x_batch, upto = null
    where k.queue_id = x_queue and k.sub_id = x_sub and k.bucket = any (v_buckets)
        and k.batch is null and k.next_at <= clock_timestamp();
    if s.fair or s.per_key is not null then
        select coalesce(array_agg(h.hash), '{}'), coalesce(array_agg(h.room), '{}') into v_hashes, v_room
        from tributary.lane_share(s, x_batch) h;
    end if;
    select v_hashes || coalesce(array_agg(k.hash), '{}'), v_room || coalesce(array_agg(0), '{}') into v_hashes, v_room
    from tributary.paused_key k
    where k.queue_id = x_queue and k.sub_id = x_sub and k.bucket = any (v_buckets) and k.batch is null
        and not k.hash = any (v_hashes);
    if cardinality(v_hashes) = 0 then
        return;
    end if;
    execute format($sql$
        with left_out as (
            insert into tributary.lane_waiting (queue_id, sub_id, hash, ev_id, ev_time, ev_retry, ev_type, ev_data,
                                                ev_extra1, ev_extra2, ev_extra3, ev_extra4)
            select $1, $2, e.hash, e.ev_id, e.ev_time, coalesce(e.ev_retry, 0), e.ev_type, e.ev_data, e.ev_extra1, e.ev_extra2, e.ev_extra3, e.ev_extra4
            from (select e.*, h.hash, row_number() over (partition by h.hash order by e.ev_id) as place
                  from (%s) e, lateral (select md5(%s) as hash) h
                  where h.hash = any ($3)) e
            join unnest($3, $4) k (hash, room) on k.hash = e.hash and e.place > k.room
            order by e.ev_id
            returning hash, ev_id
        )
        update tributary.paused_key k set ev_id = least(nullif(k.ev_id, 0), f.ev_id)
        from (select o.hash, min(o.ev_id) as ev_id from left_out o group by o.hash) f
        where k.queue_id = $1 and k.sub_id = $2 and k.hash = f.hash and k.waits_for <> 'retry'
            and (k.ev_id = 0 or k.ev_id > f.ev_id)
        $sql$, tributary.lane_batch_sql(x_batch, 'true'), tributary.key_sql(s.key))
    using x_queue, x_sub, v_hashes, v_room;
end;
$$;
revoke all on function tributary.lane_hold(integer, integer, integer, bigint) from public;
create or replace function tributary.lane_share(x_set tributary.lane_set, x_batch bigint)
returns table (hash text, room integer)
language plpgsql
set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off set max_parallel_workers_per_gather = 0
as $$
declare
    c_turn      constant integer := 100;
    c_burst     constant double precision := 0.25;
    c_waited    constant double precision := 2;
    v_pace      constant double precision := x_set.per_key * 0.95;
    v_now       constant timestamptz := clock_timestamp();
    v_events    bigint;
    v_due       text[];
begin
    select coalesce(array_agg(k.hash), '{}') into v_due
    from tributary.paused_key k where k.queue_id = x_set.queue_id and k.sub_id = x_set.sub_id and k.batch = x_batch;
    if x_set.per_key is null and cardinality(v_due) = 0 then
        select e.tick_event_seq - b.tick_event_seq into v_events
        from pgq.subscription s
        join pgq.tick b on b.tick_queue = s.sub_queue and b.tick_id = s.sub_last_tick
        join pgq.tick e on e.tick_queue = s.sub_queue and e.tick_id = s.sub_next_tick
        where s.sub_batch = x_batch;
        if v_events <= c_turn then
            return;
        end if;
    end if;
    return query execute format($sql$
        with came as (
            select md5(h.key) as hash, min(h.key) as key, count(*)::integer as events
            from (%1$s) e, lateral (select %2$s as key) h
            where h.key is not null
            group by 1
            %3$s
        ), wants as (
            select coalesce(c.hash, d.hash) as hash, c.key, coalesce(c.events, 0) as came, coalesce(d.events, 0) as waiting,
                d.hash is not null as is_due, d.least_id,
                least(case when r.used_until <= $5 then extract(epoch from $5 - r.used_until)::float8 else $8 end,
                    case when d.waits_for = 'rate' then greatest($8, $7) else $8 end) as seconds
            from came c
            full join (
                select k.hash, k.waits_for, tributary.waits_from(k) as least_id, (
                    select count(*)::integer from (
                        select from tributary.lane_waiting w
                        where w.queue_id = k.queue_id and w.sub_id = k.sub_id and w.hash = k.hash and w.ev_id >= tributary.waits_from(k)
                        limit 1 + least($4, ceil($6 * greatest($7, $8) + 1)::bigint)) w) as events
                from tributary.paused_key k
                where k.queue_id = $1 and k.sub_id = $2 and k.batch = $3) d on d.hash = c.hash
            left join tributary.key_rate r on r.queue_id = $1 and r.sub_id = $2 and r.hash = coalesce(c.hash, d.hash)
            where not exists (
                select from tributary.paused_key k
                where k.queue_id = $1 and k.sub_id = $2 and k.hash = c.hash and k.batch is null)
        ), shares as (
            select w.*, least($4, floor(w.seconds * $6 + 1e-6))::integer as share,
                coalesce(floor(w.seconds * $6 + 1e-6) < least($4, w.came + w.waiting), false) as is_rated
            from wants w
        ), noted as (
            insert into tributary.key_rate as r (queue_id, sub_id, hash, used_until)
            select $1, $2, s.hash, $5 - (s.seconds - least(s.share, s.came + s.waiting) / $6) * interval '1 second'
            from shares s where $6 is not null and s.share > 0
            on conflict on constraint key_rate_pkey do update set used_until = excluded.used_until
        ), kept as (
            select s.*, case when s.is_rated then 'rate' else 'turn' end as waits_for,
                case when s.is_rated then $5 + greatest(0, $8 - (s.seconds - s.share / $6)) * interval '1 second' else $5 end as next_at
            from shares s where s.came + s.waiting > s.share
        ), begun as (
            insert into tributary.paused_key (queue_id, sub_id, hash, key, bucket, ev_id, next_at, attempts, waits_for)
            select $1, $2, k.hash, left(k.key, 200), tributary.bucket_of(k.key, 0), 0, k.next_at, 0, k.waits_for
            from kept k where not k.is_due
        ), cut as (
            update tributary.paused_key p
            set next_at = k.next_at,
                waits_for = case when k.share = 0 then p.waits_for else k.waits_for end,
                batch = case when k.share > 0 then p.batch end,
                upto = case when k.share > 0 then coalesce((
                    select w.ev_id from tributary.lane_waiting w
                    where w.queue_id = $1 and w.sub_id = $2 and w.hash = k.hash and w.ev_id >= k.least_id
                    order by w.ev_id offset greatest(least(k.share, k.waiting) - 1, 0) limit 1), 0) end,
                ev_id = case when k.share = 0 or p.waits_for <> 'retry' then p.ev_id else coalesce((
                    select min(w.ev_id) from tributary.lane_waiting w
                    where w.queue_id = $1 and w.sub_id = $2 and w.hash = k.hash), 0) end
            from kept k
            where k.is_due and p.queue_id = $1 and p.sub_id = $2 and p.hash = k.hash
        )
        select k.hash, greatest(k.share - k.waiting, 0) from kept k
        $sql$, tributary.lane_batch_sql(x_batch, 'true'), tributary.key_sql(x_set.key),
        case when x_set.per_key is null then 'having count(*) > $4 or md5(h.key) = any ($9)' else '' end)
    using x_set.queue_id, x_set.sub_id, x_batch, case when x_set.fair then c_turn end, v_now, v_pace, c_waited,
        case when v_pace is not null then greatest(1 / v_pace, c_burst) end, v_due;
end;
$$;
revoke all on function tributary.lane_share(tributary.lane_set, bigint) from public;
create or replace function tributary.lane_keys(x_group text, x_limit integer)
returns table (
    queue text, part text, key text, since timestamptz, ev_id bigint, attempts integer, last_error text, next_at timestamptz,
    is_tried boolean, waiting bigint)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select g.queue, g.part, k.key, k.since, k.ev_id, k.attempts, k.last_error, k.next_at, k.batch is not null,
        (select count(*) from (
            select from tributary.lane_waiting w
            where w.queue_id = k.queue_id and w.sub_id = k.sub_id and w.hash = k.hash limit 10000) w)
    from tributary.paused_key k
    join pgq.queue q on q.queue_id = k.queue_id
    join tributary.groups_of(x_group) g on g.queue = q.queue_name
    join pgq.consumer c on c.co_name = x_group || coalesce('/' || g.part, '')
    join pgq.subscription m on m.sub_queue = k.queue_id and m.sub_consumer = c.co_id and m.sub_id = k.sub_id
    where k.waits_for = 'retry'
    order by k.since, g.queue, k.key
    limit x_limit
$$;
create or replace function tributary.lane_skip(x_queue text, x_group text, x_key text, x_is_dead boolean)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_main  pgq.subscription := tributary.coop_group(x_queue, x_group);
    k       tributary.paused_key;
begin
    select * into k from tributary.paused_key o
    where o.queue_id = v_main.sub_queue and o.sub_id = v_main.sub_id and o.hash = md5(x_key) and o.waits_for = 'retry' for update;
    if not found then
        return null;
    end if;
    if k.batch is not null then
        return -1;
    end if;
    if x_is_dead then
        with given as (
            delete from tributary.lane_waiting w
            where w.queue_id = k.queue_id and w.sub_id = k.sub_id and w.hash = k.hash and w.ev_id = k.ev_id
            returning w.*
        ), forgotten as (
            delete from tributary.attempt a using given g
            where a.central_queue = x_queue and a.group_name = x_group and a.ev_id = g.ev_id
            returning a.origin, a.first_at
        )
        insert into tributary.dead_event (kind, central_queue, origin, ev_id, ev_time, ev_retry, ev_type, ev_data,
                                          ev_extra1, ev_extra2, ev_extra3, ev_extra4, error, attempts, first_at, group_name)
        select 'handler', x_queue, f.origin, g.ev_id, g.ev_time, g.ev_retry, g.ev_type, g.ev_data,
            g.ev_extra1, g.ev_extra2, g.ev_extra3, g.ev_extra4,
            coalesce(k.last_error || ' ', '') || '(An operator skipped it.)', greatest(k.attempts, 1),
            coalesce(f.first_at, k.since), nullif(split_part(x_group, '/', 2), '')
        from given g left join forgotten f on true;
    end if;
    update tributary.paused_key o set next_at = clock_timestamp()
    where o.queue_id = k.queue_id and o.sub_id = k.sub_id and o.hash = k.hash;
    perform pg_notify('tributary_tick', x_queue);
    return (select count(*) from (
        select from tributary.lane_waiting w
        where w.queue_id = k.queue_id and w.sub_id = k.sub_id and w.hash = k.hash and w.ev_id <> k.ev_id limit 10000) w);
end;
$$;
create or replace function tributary.lane_of(x_queue text, x_group text, x_id bigint, x_txid bigint,
    out lane integer, out at bigint, out batch bigint)
language plpgsql stable
set search_path = pg_catalog, pg_temp set enable_seqscan = off set max_parallel_workers_per_gather = 0
as $$
declare
    v_main  pgq.subscription := tributary.coop_group(x_queue, x_group);
    v_key   text;
    v_table text;
begin
    select s.key, q.queue_data_pfx into v_key, v_table
    from tributary.lane_set s join pgq.queue q on q.queue_id = s.queue_id
    where s.queue_id = v_main.sub_queue and s.sub_id = v_main.sub_id and s.lanes > 0;
    if not found then
        return;
    end if;
    execute format($sql$
        select l.lane, l.position, l.batch
        from %s e, tributary.lane l
        where e.ev_txid = $1 and e.ev_id = $2 and l.queue_id = $3 and l.sub_id = $4 and %s
        limit 1
        $sql$, v_table, tributary.lane_filter(v_key, 'l.buckets'))
    into lane, at, batch using x_txid, x_id, v_main.sub_queue, v_main.sub_id;
end;
$$;
create or replace function tributary.lane_batch_sql(x_batch bigint, x_where text)
returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_lane      record;
    v_waiting   text := '';
begin
    select b.sub_queue, b.sub_id, tributary.lane_filter(s.key, quote_literal(l.buckets) || '::integer[]') as own,
        exists (select from tributary.paused_key k where k.queue_id = b.sub_queue and k.sub_id = b.sub_id) as has_paused
    into v_lane
    from pgq.subscription b
    left join tributary.lane l on l.queue_id = b.sub_queue and l.sub_id = b.sub_id and l.batch = b.sub_batch
    left join tributary.lane_set s on s.queue_id = l.queue_id and s.sub_id = l.sub_id
    where b.sub_batch = x_batch;
    if v_lane.has_paused then
        v_waiting := format(
            ' and not exists (select from tributary.lane_waiting w where w.queue_id = %s and w.sub_id = %s and w.ev_id = batch.ev_id)',
            v_lane.sub_queue, v_lane.sub_id);
    end if;
    return format(E'select * from (%s) batch where %s and (%s\n)%s',
        pgq.batch_event_sql(x_batch), coalesce(v_lane.own, 'true'), x_where, v_waiting);
end;
$$;
create or replace function tributary.lane_sql(x_batch bigint, x_where text, x_has_keys boolean default false)
returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_sql       text := tributary.lane_batch_sql(x_batch, coalesce(x_where, 'true'));
    v_key       text := '';
begin
    perform 1 from tributary.paused_key k where k.batch = x_batch limit 1;
    if found then
        v_sql := format(E'select * from (%s union all
            select w.ev_id, w.ev_time, -w.id, w.ev_retry, w.ev_type, w.ev_data, w.ev_extra1, w.ev_extra2, w.ev_extra3, w.ev_extra4
            from tributary.paused_key k
            join tributary.lane_waiting w on w.queue_id = k.queue_id and w.sub_id = k.sub_id and w.hash = k.hash
            where k.batch = %s and w.ev_id >= tributary.waits_from(k) and (k.upto is null or w.ev_id <= k.upto)) event where (%s\n)',
            v_sql, x_batch, coalesce(x_where, 'true'));
    end if;
    if x_has_keys then
        select format(', md5(%s)', tributary.key_sql(s.key)) into v_key
        from pgq.subscription b join tributary.lane_set s on s.queue_id = b.sub_queue and s.sub_id = b.sub_id
        where b.sub_batch = x_batch;
        v_sql := format('select event.*%s from (%s) event', v_key, v_sql);
    end if;
    return v_sql || ' order by ev_id';
end;
$$;
create or replace function tributary.lane_events(x_batch bigint)
returns table (
    ev_id bigint, ev_time timestamptz, ev_txid bigint, ev_retry integer, ev_type text, ev_data text,
    ev_extra1 text, ev_extra2 text, ev_extra3 text, ev_extra4 text)
language plpgsql
set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_indexscan = off set jit = off
set max_parallel_workers_per_gather = 0
as $$
begin
    return query execute tributary.lane_sql(x_batch, null);
end;
$$;
create or replace function tributary.lane_cursor(
    x_batch bigint, x_cursor text, x_limit integer, x_where text default null, x_has_keys boolean default false,
    out ev_id bigint, out ev_time timestamptz, out ev_txid bigint, out ev_retry integer, out ev_type text, out ev_data text,
    out ev_extra1 text, out ev_extra2 text, out ev_extra3 text, out ev_extra4 text, out ev_key text)
returns setof record
language plpgsql
set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_indexscan = off set jit = off
set max_parallel_workers_per_gather = 0
as $$
declare
    v_cursor    refcursor := x_cursor;
begin
    open v_cursor no scroll for execute tributary.lane_sql(x_batch, x_where, x_has_keys);
    for n in 1 .. x_limit loop
        fetch v_cursor into ev_id, ev_time, ev_txid, ev_retry, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4, ev_key;
        exit when not found;
        return next;
    end loop;
end;
$$;
create or replace function tributary.lane_switch(x_queue integer, x_sub integer)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    s           tributary.lane_set;
    v_look      record;
    v_reached   bigint;
    v_behind    boolean;
begin
    select * into s from tributary.lane_set o where o.queue_id = x_queue and o.sub_id = x_sub for update;
    if not found or s.mark is null then
        return false;
    end if;
    for v_try in 1 .. 2 loop
        perform 1 from pgq.subscription m
        where m.sub_queue = x_queue and m.sub_id = x_sub and m.sub_batch is not null limit 1;
        if found then
            return false;
        end if;
        exit when v_try = 2;
        perform 1 from pgq.subscription m
        where m.sub_queue = x_queue and m.sub_id = x_sub and m.sub_last_tick is not null for update;
        perform 1 from tributary.lane l where l.queue_id = x_queue and l.sub_id = x_sub for update;
    end loop;
    perform 1 from tributary.paused_key k
    where k.queue_id = x_queue and k.sub_id = x_sub and (s.next_lanes = 0 or s.next_key <> s.key) limit 1;
    if found then
        return false;
    end if;
    if s.lanes > 0 then
        for v_look in select * from tributary.lane_look(x_queue, x_sub, s.mark) k where not k.has_events and k.is_usable loop
            update tributary.lane l set position = s.mark
            where l.queue_id = x_queue and l.sub_id = x_sub and l.lane = v_look.lane
                and l.position = v_look.at and l.batch is null;
        end loop;
        select max(l.position), min(l.position) < s.mark into v_reached, v_behind
        from tributary.lane l where l.queue_id = x_queue and l.sub_id = x_sub;
    else
        select m.sub_last_tick, m.sub_last_tick < s.mark into v_reached, v_behind
        from pgq.subscription m
        join pgq.consumer c on c.co_id = m.sub_consumer
        where m.sub_queue = x_queue and m.sub_id = x_sub and m.sub_last_tick is not null
        order by m.sub_last_tick limit 1;
    end if;
    if v_reached > s.mark then
        update tributary.lane_set o set mark = v_reached where o.queue_id = x_queue and o.sub_id = x_sub;
        return tributary.lane_switch(x_queue, x_sub);
    end if;
    if v_behind then
        if not exists (
            select from tributary.lane l
            where s.lanes > 0 and l.queue_id = x_queue and l.sub_id = x_sub and l.position < s.mark
                and (tributary.coop_end_tick(x_queue, l.position, null, null, null, s.mark)).end_tick is not null)
            and (s.lanes > 0 or (tributary.coop_end_tick(x_queue, v_reached, null, null, null, s.mark)).end_tick is null)
        then
            update tributary.lane_set o set mark = tributary.lane_newest(x_queue, null)
            where o.queue_id = x_queue and o.sub_id = x_sub;
        end if;
        return false;
    end if;
    delete from tributary.lane l where l.queue_id = x_queue and l.sub_id = x_sub;
    insert into tributary.lane (queue_id, sub_id, lane, buckets, position)
    select x_queue, x_sub, n, array(select b from generate_series(0, 63) b where b % s.next_lanes = n), s.mark
    from generate_series(0, s.next_lanes - 1) n;
    update pgq.subscription m set sub_last_tick = s.mark
    where m.sub_queue = x_queue and m.sub_id = x_sub and m.sub_batch is null and m.sub_last_tick is not null;
    update tributary.lane_set o
    set lanes = s.next_lanes, key = s.next_key, next_lanes = null, next_key = null, mark = null, changed_at = now()
    where o.queue_id = x_queue and o.sub_id = x_sub;
    return true;
end;
$$;
revoke all on function tributary.lane_switch(integer, integer) from public;
create or replace function tributary.lane_follow()
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    s       record;
    v_look  record;
    v_end   bigint;
    v_last  bigint;
begin
    for s in select o.* from tributary.lane_set o order by o.queue_id, o.sub_id loop
        perform 1 from pgq.subscription m where m.sub_queue = s.queue_id and m.sub_id = s.sub_id;
        if not found then
            delete from tributary.paused_key k where k.queue_id = s.queue_id and k.sub_id = s.sub_id;
            delete from tributary.lane_waiting w where w.queue_id = s.queue_id and w.sub_id = s.sub_id;
            delete from tributary.key_rate r where r.queue_id = s.queue_id and r.sub_id = s.sub_id;
            delete from tributary.lane l where l.queue_id = s.queue_id and l.sub_id = s.sub_id;
            delete from tributary.lane_set o where o.queue_id = s.queue_id and o.sub_id = s.sub_id;
            continue;
        end if;
        if s.mark is not null then
            perform tributary.lane_switch(s.queue_id, s.sub_id);
        end if;
        perform 1 from tributary.lane_set o
        where o.queue_id = s.queue_id and o.sub_id = s.sub_id and o.lanes = 0 and o.mark is null for update skip locked;
        if found then
            begin
                perform set_config('lock_timeout', '10ms', true);
                delete from tributary.lane_set o where o.queue_id = s.queue_id and o.sub_id = s.sub_id;
                perform tributary.lane_index(s.queue_id, null);
            exception when others then
                null;
            end;
            continue;
        end if;
        continue when s.lanes = 0;
        delete from tributary.key_rate r
        where r.queue_id = s.queue_id and r.sub_id = s.sub_id
            and r.used_until < clock_timestamp() - greatest(2, 1.1 / s.per_key) * interval '1 second';
        v_end := tributary.lane_newest(s.queue_id, s.mark);
        for v_look in
            select * from tributary.lane_look(s.queue_id, s.sub_id, v_end) k where not k.has_events and k.is_usable
        loop
            update tributary.lane l set position = v_end
            where l.queue_id = s.queue_id and l.sub_id = s.sub_id and l.lane = v_look.lane
                and l.position = v_look.at and l.batch is null;
        end loop;
        select min(l.position) into v_last from tributary.lane l where l.queue_id = s.queue_id and l.sub_id = s.sub_id;
        update pgq.subscription m set sub_last_tick = v_last
        where m.sub_queue = s.queue_id and m.sub_id = s.sub_id and m.sub_batch is null and m.sub_last_tick < v_last;
    end loop;
end;
$$;
revoke all on function tributary.lane_follow() from public;
create or replace function tributary.lane_look(x_queue integer, x_sub integer, x_end bigint)
returns table (lane integer, at bigint, has_events boolean, is_usable boolean)
language plpgsql stable
set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off
set max_parallel_workers_per_gather = 0
as $$
declare
    v_key       text;
    v_table     text;
    v_end       txid_snapshot;
begin
    select s.key, q.queue_data_pfx, t.tick_snapshot into v_key, v_table, v_end
    from tributary.lane_set s
    join pgq.queue q on q.queue_id = s.queue_id
    join pgq.tick t on t.tick_queue = s.queue_id and t.tick_id = x_end
    where s.queue_id = x_queue and s.sub_id = x_sub
        and exists (
            select from tributary.lane l
            where l.queue_id = x_queue and l.sub_id = x_sub and l.batch is null and l.position < x_end);
    if not found then
        return;
    end if;
    return query execute format($sql$
        select l.lane, l.position,
            exists (
                select from %1$s e
                where %2$s and (e.ev_owner is null or e.ev_owner = $2)
                    and e.ev_txid >= txid_snapshot_xmax(t.tick_snapshot) and e.ev_txid < txid_snapshot_xmax($4)
                    and txid_visible_in_snapshot(e.ev_txid, $4))
            or exists (
                select from %1$s e
                where %2$s and (e.ev_owner is null or e.ev_owner = $2)
                    and e.ev_txid = any (array(select txid_snapshot_xip(t.tick_snapshot)))
                    and txid_visible_in_snapshot(e.ev_txid, $4)),
            txid_snapshot_xmax($4) >= txid_snapshot_xmax(t.tick_snapshot)
                and not exists (select from txid_snapshot_xip($4) x where txid_visible_in_snapshot(x, t.tick_snapshot))
        from tributary.lane l
        join pgq.tick t on t.tick_queue = l.queue_id and t.tick_id = l.position
        where l.queue_id = $1 and l.sub_id = $2 and l.batch is null and l.position < $3
        order by l.position, l.lane
        $sql$, v_table, tributary.lane_filter(v_key, 'l.buckets'))
    using x_queue, x_sub, x_end, v_end;
end;
$$;
revoke all on function tributary.lane_look(integer, integer, bigint) from public;
create or replace function tributary.lane_take(
    x_queue integer, x_sub integer, x_mark bigint, x_min_lag interval, x_min_count integer,
    out lane integer, out start_tick bigint, out end_tick bigint, out start_time timestamptz, out end_time timestamptz)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_end   bigint := tributary.lane_newest(x_queue, x_mark);
    v_lane  record;
    v_due_first boolean := random() < 0.5;
    v_count integer;
    v_look  record;
    v_tick  record;
begin
    select case when x_min_count is not null then least(x_min_count::bigint * s.lanes, 1000000) end into v_count
    from tributary.lane_set s where s.queue_id = x_queue and s.sub_id = x_sub;
    for v_try in 1 .. 2 loop
        if (v_try = 1) = v_due_first then
            select l.lane, l.position into v_lane
            from tributary.lane l
            where l.queue_id = x_queue and l.sub_id = x_sub and l.batch is null
                and exists (
                    select from tributary.paused_key k
                    where k.queue_id = x_queue and k.sub_id = x_sub and k.bucket = any (l.buckets)
                        and k.batch is null and k.next_at <= clock_timestamp())
            order by l.position, l.lane
            limit 1
            for update skip locked;
            if found then
                select * into v_tick
                from tributary.coop_end_tick(x_queue, v_lane.position, x_min_lag, v_count, null, x_mark) t;
                lane := v_lane.lane;
                start_tick := v_lane.position;
                end_tick := coalesce(v_tick.end_tick, v_lane.position);
                start_time := v_tick.start_time;
                end_time := coalesce(v_tick.end_time, v_tick.start_time);
                return;
            end if;
            continue;
        end if;
        perform 1 from tributary.lane l
        where l.queue_id = x_queue and l.sub_id = x_sub and l.batch is null and l.position < v_end limit 1;
        continue when not found;
        for v_look in select * from tributary.lane_look(x_queue, x_sub, v_end) k where k.has_events loop
            select * into v_tick
            from tributary.coop_end_tick(x_queue, v_look.at, x_min_lag, v_count, null, x_mark) t;
            continue when v_tick.end_tick is null;
            perform 1 from tributary.lane l
            where l.queue_id = x_queue and l.sub_id = x_sub and l.lane = v_look.lane
                and l.position = v_look.at and l.batch is null
            for update skip locked;
            if found then
                lane := v_look.lane;
                start_tick := v_look.at;
                end_tick := v_tick.end_tick;
                start_time := v_tick.start_time;
                end_time := v_tick.end_time;
                return;
            end if;
        end loop;
    end loop;
end;
$$;
revoke all on function tributary.lane_take(integer, integer, bigint, interval, integer) from public;
create or replace function tributary.lane_newest(x_queue integer, x_mark bigint)
returns bigint
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select t.tick_id from pgq.tick t
    where t.tick_queue = x_queue and t.tick_id <= coalesce(x_mark, 9223372036854775807)
    order by t.tick_id desc limit 1
$$;
create or replace function tributary.lane_token(x_set tributary.lane_set, x_old bigint, x_new bigint)
returns integer
language sql
set search_path = pg_catalog, pg_temp
as $$
    update tributary.paused_key k set batch = x_new
    where x_set.lanes > 0 and k.queue_id = x_set.queue_id and k.sub_id = x_set.sub_id and k.batch = x_old;
    update tributary.lane l set batch = x_new
    where x_set.lanes > 0 and l.queue_id = x_set.queue_id and l.sub_id = x_set.sub_id and l.batch = x_old
    returning l.lane
$$;
revoke all on function tributary.lane_token(tributary.lane_set, bigint, bigint) from public;
create or replace function tributary.lanes_set(
    x_queue text, x_group text, x_key text, x_lanes integer, x_pauses boolean default false, x_fair boolean default false,
    x_per_key double precision default null)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_main  pgq.subscription := tributary.coop_group(x_queue, x_group);
    s       tributary.lane_set;
begin
    if x_lanes not between 0 and 64 or (x_key is null) <> (x_lanes = 0) then
        raise exception using errcode = 'invalid_parameter_value',
            message = format('Queue %s cannot have %s lanes: say a key and 1 to 64.', x_queue, x_lanes);
    end if;
    insert into tributary.lane_set (queue_id, sub_id)
    select v_main.sub_queue, v_main.sub_id where x_lanes > 0
    on conflict do nothing;
    select * into s from tributary.lane_set o
    where o.queue_id = v_main.sub_queue and o.sub_id = v_main.sub_id for update;
    update tributary.lane_set o set pauses = x_pauses, fair = x_fair, per_key = x_per_key
    where o.queue_id = v_main.sub_queue and o.sub_id = v_main.sub_id
        and (o.pauses, o.fair, o.per_key) is distinct from (x_pauses, x_fair, x_per_key);
    if s.queue_id is null or s.mark is not null and (s.next_lanes, s.next_key) is not distinct from (x_lanes, x_key) then
        return false;
    end if;
    if (s.lanes, s.key) is not distinct from (x_lanes, x_key) then
        update tributary.lane_set o set next_lanes = null, next_key = null, mark = null
        where o.queue_id = s.queue_id and o.sub_id = s.sub_id and o.mark is not null;
        return found;
    end if;
    if x_lanes > 0 then
        perform tributary.lane_index(v_main.sub_queue, x_key);
    end if;
    update tributary.lane_set o
    set next_lanes = x_lanes, next_key = x_key, mark = tributary.lane_newest(v_main.sub_queue, null), changed_at = now()
    where o.queue_id = s.queue_id and o.sub_id = s.sub_id;
    perform tributary.lane_switch(v_main.sub_queue, v_main.sub_id);
    return true;
end;
$$;
revoke all on function tributary.lanes_set(text, text, text, integer, boolean, boolean, double precision) from public;
create or replace function tributary.lane_index(x_queue integer, x_key text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    q       pgq.queue;
    v_table text;
    v_name  text;
    v_used  text[];
    v_error text;
    v_state text;
begin
    select * into q from pgq.queue o where o.queue_id = x_queue;
    select coalesce(array_agg('%_lanes_' || left(md5(k), 8)), '{}') into v_used
    from (select x_key as k union select s.key from tributary.lane_set s where s.queue_id = x_queue
          union select s.next_key from tributary.lane_set s where s.queue_id = x_queue) used where k is not null;
    for n in 0 .. q.queue_ntables - 1 loop
        v_table := q.queue_data_pfx || '_' || n;
        begin
            for v_name in
                select i.indexrelid::regclass from pg_index i join pg_class c on c.oid = i.indexrelid
                where i.indrelid = v_table::regclass and c.relname ~ '_lanes_[0-9a-f]{8}$' and not c.relname like any (v_used)
            loop
                execute format('drop index %s', v_name);
            end loop;
            continue when x_key is null;
            execute format(E'create index if not exists %I on %s (tributary.bucket_of((%s\n)::text, ev_id), ev_txid)',
                'event_' || x_queue || '_' || n || '_lanes_' || left(md5(x_key), 8), v_table, x_key);
        exception when others then
            get stacked diagnostics v_error = message_text, v_state = returned_sqlstate;
            raise exception using errcode = v_state, message = format(
                'The key of the lanes of queue %s, %s, cannot be used: %s. It must be an expression over ev_type, ev_data and ev_extra1 '
                'to ev_extra4 that always gives the same for the same event, and the role that installs must own the event tables.',
                q.queue_name, x_key, v_error);
        end;
    end loop;
end;
$$;
revoke all on function tributary.lane_index(integer, text) from public;
create or replace function tributary.key_sql(x_key text)
returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select format(E'(%s\n)::text', x_key)
$$;
create or replace function tributary.lane_put_off(
    x_batch bigint, x_last bigint, x_event json, x_next timestamptz, x_error text)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off set max_parallel_workers_per_gather = 0
as $$
declare
    v_set   tributary.lane_set;
    v_id    bigint := (x_event ->> 'id')::bigint;
    v_key   text;
    v_hash  text;
begin
    select s.* into v_set
    from pgq.subscription b
    join tributary.lane_set s on s.queue_id = b.sub_queue and s.sub_id = b.sub_id
    where b.sub_batch = x_batch and s.pauses and s.lanes > 0;
    if not found then
        return false;
    end if;
    execute format($sql$
        select %s from (select $1 ->> 'type', $1 ->> 'data', $1 ->> 'extra1', $1 ->> 'extra2', $1 ->> 'extra3', $1 ->> 'extra4',
                               ($1 ->> 'time')::timestamptz, ($1 ->> 'id')::bigint)
            e (ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4, ev_time, ev_id)
        $sql$, tributary.key_sql(v_set.key))
    into v_key using x_event;
    if v_key is null then
        return false;
    end if;
    v_hash := md5(v_key);
    delete from tributary.lane_waiting w using tributary.paused_key k
    where k.queue_id = v_set.queue_id and k.sub_id = v_set.sub_id and k.hash = v_hash and k.batch = x_batch
        and w.queue_id = k.queue_id and w.sub_id = k.sub_id and w.hash = k.hash
        and w.ev_id <> v_id and (x_last is null or w.ev_id <= x_last) and (k.upto is null or w.ev_id <= k.upto);
    insert into tributary.paused_key as k (queue_id, sub_id, hash, key, bucket, ev_id, next_at, attempts, last_error)
    values (v_set.queue_id, v_set.sub_id, v_hash, left(v_key, 200), tributary.bucket_of(v_key, 0), v_id, x_next,
            (x_event ->> 'attempts')::integer, x_error)
    on conflict on constraint paused_key_pkey do update
    set ev_id = excluded.ev_id, next_at = excluded.next_at, attempts = excluded.attempts,
        last_error = coalesce(excluded.last_error, k.last_error), batch = null, upto = null, waits_for = 'retry',
        since = case when k.ev_id = excluded.ev_id then k.since else now() end;
    update tributary.lane_waiting w set ev_retry = (x_event ->> 'retry')::integer
    where w.queue_id = v_set.queue_id and w.sub_id = v_set.sub_id and w.ev_id = v_id and w.hash = v_hash;
    if not found then
        insert into tributary.lane_waiting (queue_id, sub_id, hash, ev_id, ev_time, ev_retry, ev_type, ev_data,
                                            ev_extra1, ev_extra2, ev_extra3, ev_extra4)
        values (v_set.queue_id, v_set.sub_id, v_hash, v_id, (x_event ->> 'time')::timestamptz, (x_event ->> 'retry')::integer,
                x_event ->> 'type', x_event ->> 'data', x_event ->> 'extra1', x_event ->> 'extra2', x_event ->> 'extra3',
                x_event ->> 'extra4');
    end if;
    if x_last is not null then
        execute format($sql$
            insert into tributary.lane_waiting (queue_id, sub_id, hash, ev_id, ev_time, ev_retry, ev_type, ev_data,
                                                ev_extra1, ev_extra2, ev_extra3, ev_extra4)
            select $1, $2, $3, e.ev_id, e.ev_time, coalesce(e.ev_retry, 0), e.ev_type, e.ev_data, e.ev_extra1, e.ev_extra2, e.ev_extra3, e.ev_extra4
            from (%s) e where %s = $4
            order by e.ev_id
            $sql$, tributary.lane_batch_sql(x_batch, 'ev_id > ' || x_last), tributary.key_sql(v_set.key))
        using v_set.queue_id, v_set.sub_id, v_hash, v_key;
    end if;
    return true;
end;
$$;
create or replace function tributary.lane_done(x_batch bigint, x_last bigint)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from tributary.lane_waiting w using tributary.paused_key k
    where k.batch = x_batch and w.queue_id = k.queue_id and w.sub_id = k.sub_id and w.hash = k.hash
        and w.ev_id >= tributary.waits_from(k) and (k.upto is null or w.ev_id <= k.upto)
        and (x_last is null or w.ev_id <= x_last);
    if x_last is not null then
        return;
    end if;
    update tributary.paused_key k
    set batch = null, upto = null, ev_id = f.ev_id, attempts = 0, last_error = null, since = now(),
        waits_for = case when k.waits_for = 'rate' then 'rate' else 'turn' end
    from tributary.paused_key o
    cross join lateral (
        select w.ev_id from tributary.lane_waiting w
        where w.queue_id = o.queue_id and w.sub_id = o.sub_id and w.hash = o.hash and w.ev_id >= tributary.waits_from(o)
        order by w.ev_id limit 1) f
    where o.batch = x_batch and o.upto is not null
        and k.queue_id = o.queue_id and k.sub_id = o.sub_id and k.hash = o.hash;
    delete from tributary.paused_key k where k.batch = x_batch;
end;
$$;
create or replace function tributary.waits_from(x_key tributary.paused_key)
returns bigint
language sql immutable
as $$
    select case when x_key.waits_for = 'retry' then 0 else x_key.ev_id end
$$;
create or replace function tributary.lane_due()
returns bigint
language sql
set search_path = pg_catalog, pg_temp
as $$
    select count(pg_notify('tributary_tick', d.queue_name))
    from (select distinct q.queue_name
          from tributary.paused_key k join pgq.queue q on q.queue_id = k.queue_id
          where k.batch is null and k.next_at <= clock_timestamp()) d
$$;
create or replace function tributary.lease_beat(
    member uuid, kind text, host text, details jsonb, ttl interval, wanted text[], release text[], max_new integer)
returns table (resource text, epoch bigint, until timestamptz, taken boolean,
    previous_backend_pid integer, previous_backend_start timestamptz, previous_holder uuid)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_id        uuid := member;
    v_ttl       interval := ttl;
    v_now       timestamptz;
    v_me        tributary.member;
    v_since     timestamptz;
    v_lapsed    boolean := false;
    v_backend   timestamptz := (select a.backend_start from pg_stat_get_activity(pg_backend_pid()) a);
    v_row       record;
    v_taken     text[] := '{}';
    v_pids      integer[] := '{}';
    v_starts    timestamptz[] := '{}';
    v_holders   uuid[] := '{}';
    v_before    record;
begin
    select * into v_me from tributary.member m where m.id = v_id for update;
    v_now := clock_timestamp();
    if v_me.id is null then
        v_since := v_now;
        select m.version, m.file_hash into v_before
        from tributary.member m where m.host = lease_beat.host and m.kind = lease_beat.kind order by m.seen_at desc limit 1;
        if found and (v_before.version is distinct from details ->> 'version'
                or v_before.file_hash is distinct from details ->> 'file_hash') then
            perform tributary.log_note(null, 'program', 'deploy', null, format('%s of host %s: %s.',
                case lease_beat.kind when 'mover' then 'The mover' else 'Workers' end, lease_beat.host,
                case when v_before.version is distinct from details ->> 'version'
                    then format('version %s after %s', details ->> 'version', v_before.version)
                    else 'another file' end));
        end if;
        delete from tributary.member m
        where m.until < v_now - interval '1 day' and not exists (select from tributary.term t where t.holder = m.id);
        insert into tributary.member (id, kind, host, started_at, seen_at, ttl, until, unbroken_since, backend_pid, backend_start)
        values (v_id, lease_beat.kind, lease_beat.host, v_now, v_now, v_ttl, v_now + v_ttl, v_now, pg_backend_pid(), v_backend);
    else
        v_lapsed := v_me.until < v_now;
        v_since := case
            when v_now - v_me.seen_at between interval '0' and v_ttl / 2 and v_me.unbroken_since <= v_now then v_me.unbroken_since
            else v_now end;
    end if;
    update tributary.member m
    set host = lease_beat.host, pid = (lease_beat.details ->> 'pid')::integer,
        version = lease_beat.details ->> 'version', file_hash = lease_beat.details ->> 'file_hash', details = coalesce(lease_beat.details, '{}'), seen_at = v_now, ttl = v_ttl,
        until = v_now + v_ttl, unbroken_since = v_since, beats = m.beats + 1,
        backend_pid = pg_backend_pid(), backend_start = v_backend
    where m.id = v_id;
    if cardinality(release) > 0 then
        perform tributary.term_ended(v_id, lease_beat.release, v_now, true);
        update tributary.term t set holder = null, freed_at = v_now
        where t.holder = v_id and t.resource = any (lease_beat.release);
    end if;
    if v_lapsed then
        perform tributary.term_ended(v_id, array(select t.resource from tributary.term t where t.holder = v_id), v_me.seen_at, false);
        for v_row in
            update tributary.term t set epoch = t.epoch + 1, taken_at = v_now where t.holder = v_id returning t.resource
        loop
            v_taken := v_taken || v_row.resource;
            v_pids := v_pids || nullif(v_me.backend_pid, pg_backend_pid());
            v_starts := v_starts || v_me.backend_start;
            v_holders := v_holders || v_id;
        end loop;
    end if;
    if cardinality(wanted) > 0 and max_new > 0
       and exists (select from tributary.lease_candidates(v_id, wanted, v_since <= v_now - v_ttl)) then
        lock table tributary.lease_turn in exclusive mode;
        for v_row in
            select c.* from tributary.lease_candidates(v_id, wanted, v_since <= v_now - v_ttl) c
            where not c.resource = any (coalesce(lease_beat.release, '{}'))
            order by c.n
        loop
            exit when max_new <= 0;
            if v_row.holder is not null then
                perform 1 from tributary.member m where m.id = v_row.holder for update skip locked;
                if not found and exists (select from tributary.member m where m.id = v_row.holder) then
                    continue;
                end if;
                perform 1 from tributary.lease l where l.resource = v_row.resource and l.is_held and l.holder = v_row.holder;
                continue when found;
                perform tributary.term_ended(v_row.holder, array[v_row.resource], null, false);
            end if;
            insert into tributary.term as t (resource, holder, epoch, taken_at)
            values (v_row.resource, v_id, 1, v_now)
            on conflict (resource) do update
                set holder = v_id, epoch = t.epoch + 1, taken_at = v_now, freed_at = null
                where t.holder is not distinct from v_row.holder and t.epoch = v_row.epoch;
            if found then
                max_new := max_new - 1;
                v_taken := v_taken || v_row.resource;
                v_pids := v_pids || v_row.backend_pid;
                v_starts := v_starts || v_row.backend_start;
                v_holders := v_holders || v_row.holder;
            end if;
        end loop;
    end if;
    if cardinality(array_remove(array_remove(v_holders, null), v_id)) > 0 then
        select count(*) as number, min(r.resource) as first, string_agg(distinct m.host, ', ') as hosts into v_before
        from unnest(v_taken, v_holders) r (resource, holder)
        left join tributary.member m on m.id = r.holder
        where r.holder <> v_id;
        perform tributary.log_note(null, 'program', 'take-over', null, format('%s took over %s from a process of %s that was silent.',
            lease_beat.host, case when v_before.number = 1 then v_before.first else v_before.number || ' leases' end,
            coalesce(v_before.hosts, 'another host')));
    end if;
    return query
    select t.resource, t.epoch, v_now + v_ttl, p.n is not null, v_pids[p.n], v_starts[p.n], v_holders[p.n]
    from tributary.term t
    left join unnest(v_taken) with ordinality p (resource, n) on p.resource = t.resource
    where t.holder = v_id
    order by t.resource;
end;
$$;
create or replace function tributary.lease_candidates(member uuid, wanted text[], may_adopt boolean,
    out resource text, out n bigint, out holder uuid, out epoch bigint, out backend_pid integer, out backend_start timestamptz)
returns setof record
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select w.resource, w.n, t.holder, t.epoch, m.backend_pid, m.backend_start
    from unnest(wanted) with ordinality w (resource, n)
    left join tributary.term t on t.resource = w.resource
    left join tributary.member m on m.id = t.holder
    where t.holder is null
        or may_adopt and t.holder <> member
            and (m.id is null or m.until < clock_timestamp() or m.until > clock_timestamp() + m.ttl)
$$;
create or replace function tributary.lease_leave(member uuid)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_count integer;
begin
    perform tributary.term_ended(lease_leave.member, array(select t.resource from tributary.term t where t.holder = lease_leave.member),
        clock_timestamp(), true);
    update tributary.member m set until = clock_timestamp(), unbroken_since = clock_timestamp() where m.id = lease_leave.member;
    update tributary.term t set holder = null, freed_at = clock_timestamp() where t.holder = lease_leave.member;
    get diagnostics v_count = row_count;
    return v_count;
end;
$$;
create or replace function tributary.lease_standings(kind text, resources text[], out members jsonb, out leases jsonb)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select
        (select coalesce(jsonb_agg(jsonb_build_object('id', m.id, 'host', m.host, 'serves', m.details -> 'serves',
                'puts_off', m.details -> 'puts_off',
                'silent_ms', round(extract(epoch from clock_timestamp() - least(m.until, clock_timestamp() + m.ttl)) * 1000))
                order by m.id), '[]')
            from tributary.member m where m.kind = lease_standings.kind),
        (select coalesce(jsonb_agg(jsonb_build_object('resource', l.resource, 'holder', l.holder) order by l.resource), '[]')
            from tributary.lease l where l.resource = any (resources) and l.is_held)
$$;
create or replace function tributary.term_ended(x_holder uuid, x_resources text[], x_at timestamptz, x_was_let_go boolean)
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
    insert into tributary.past_term (resource, epoch, host, pid, taken_at, ended_at, was_let_go)
    select t.resource, t.epoch, m.host, m.pid, t.taken_at, coalesce(x_at, m.seen_at, clock_timestamp()), x_was_let_go
    from tributary.term t
    left join tributary.member m on m.id = t.holder
    where t.holder = x_holder and t.resource = any (x_resources) and t.resource like 'shard:%'
    on conflict do nothing;
    delete from tributary.past_term p
    using tributary.term t
    where t.resource = any (x_resources) and p.resource = t.resource and p.epoch <= t.epoch - 20;
$$;
create or replace function tributary.end_backend(pid integer, backend_start timestamptz)
returns boolean
language sql
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(bool_or(pg_terminate_backend(a.pid)), false)
    from pg_stat_activity a
    where a.pid = end_backend.pid and a.backend_start = end_backend.backend_start and a.pid <> pg_backend_pid()
$$;
create or replace function tributary.member_key(member uuid)
returns bigint
language sql immutable
as $$
    select pg_catalog.hashtextextended(member::text, 1414678850)
$$;
create or replace function tributary.member_hold(member uuid)
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
    select pg_try_advisory_xact_lock_shared(tributary.member_key(member))
$$;
create or replace function tributary.end_member(member uuid, backend_pid integer, backend_start timestamptz)
returns integer
language sql
set search_path = pg_catalog, pg_temp
as $$
    select tributary.end_backend(backend_pid, backend_start)::integer + coalesce((
        select count(*) filter (where pg_terminate_backend(l.pid))
        from pg_locks l
        where l.locktype = 'advisory' and l.granted and l.objsubid = 1
            and l.database = (select d.oid from pg_database d where d.datname = current_database())
            and l.classid::bigint = (tributary.member_key(member) >> 32) & 4294967295
            and l.objid::bigint = tributary.member_key(member) & 4294967295
            and l.pid <> pg_backend_pid()), 0)::integer
$$;
create or replace function tributary.worker_pool_set(queue text, n integer, by text)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    update tributary.worker_pool set wanted = n, set_by = coalesce(by, ''), set_at = now() where central_queue = queue;
    if not found then
        raise exception using errcode = 'undefined_object', message = format(
            'Queue %s has no workers: give it `workers:` in the file and run `tributary install`.', coalesce(queue, 'NULL'));
    end if;
    perform pg_notify('tributary_workers', queue);
    return n;
end;
$$;
create or replace function tributary.worker_pool_reset(queue text)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_wanted    integer;
begin
    update tributary.worker_pool set wanted = file_wanted, set_by = null, set_at = now() where central_queue = queue
    returning wanted into v_wanted;
    if not found then
        raise exception using errcode = 'undefined_object', message = format(
            'Queue %s has no workers: give it `workers:` in the file and run `tributary install`.', coalesce(queue, 'NULL'));
    end if;
    perform pg_notify('tributary_workers', queue);
    return v_wanted;
end;
$$;
create or replace function tributary.worker_pool_sync(queue text, file_wanted integer)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if worker_pool_sync.file_wanted is null then
        delete from tributary.worker_pool where central_queue = queue;
    else
        insert into tributary.worker_pool as p (central_queue, wanted, file_wanted)
        values (queue, worker_pool_sync.file_wanted, worker_pool_sync.file_wanted)
        on conflict (central_queue) do update
            set wanted = excluded.file_wanted, file_wanted = excluded.file_wanted, set_by = null, set_at = now()
            where p.file_wanted <> excluded.file_wanted;
    end if;
    if found then
        perform pg_notify('tributary_workers', queue);
    end if;
    return (select p.wanted from tributary.worker_pool p where p.central_queue = queue);
end;
$$;
create or replace function tributary.worker_pool_renew(queue text)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_generation    integer;
begin
    update tributary.worker_pool set generation = generation + 1, renewed_at = now() where central_queue = queue
    returning generation into v_generation;
    perform pg_notify('tributary_workers', queue);
    return v_generation;
end;
$$;
create or replace function tributary.schedule_see(x_names text[], x_specs text[])
returns table (name text, decided_ms double precision, is_paused boolean, now_ms double precision) as $$
#variable_conflict use_column
begin
    if exists (
        select from unnest(x_names, x_specs) w (name, spec)
        left join tributary.schedule s on s.name = w.name and s.spec = w.spec
        where s.name is null)
    then
        insert into tributary.schedule as s (name, spec, decided_at)
        select w.name, w.spec, clock_timestamp() from unnest(x_names, x_specs) w (name, spec) order by 1
        on conflict (name) do update set spec = excluded.spec, decided_at = greatest(s.decided_at, excluded.decided_at)
            where s.spec <> excluded.spec;
    end if;
    return query
        select s.name, extract(epoch from s.decided_at)::double precision * 1000, s.paused_at is not null,
            extract(epoch from clock_timestamp())::double precision * 1000
        from tributary.schedule s where s.name = any (x_names);
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.schedule_decide(
    x_name text, x_from_ms double precision, x_to_ms double precision, x_due_ms double precision[], x_passed bigint,
    x_queue text, x_type text, x_data text, x_column text, x_is_asked boolean)
returns bigint as $$
declare
    v_xid   bigint := 0;
begin
    update tributary.schedule s
    set decided_at = case when x_is_asked then s.decided_at else to_timestamp(x_to_ms / 1000) end,
        last_due_at = coalesce(to_timestamp(x_due_ms[cardinality(x_due_ms)] / 1000), s.last_due_at),
        last_sent_at = case when cardinality(x_due_ms) > 0 then clock_timestamp() else s.last_sent_at end,
        sent = s.sent + cardinality(x_due_ms), passed_over = s.passed_over + x_passed
    where s.name = x_name
        and (x_is_asked or (s.paused_at is null and extract(epoch from s.decided_at)::double precision * 1000 = x_from_ms));
    if not found then
        return null;
    end if;
    if cardinality(x_due_ms) > 0 then
        v_xid := tributary.begin_events(x_queue);
        execute format($sql$
            insert into %1$s (ev_time, ev_type, ev_data%2$s)
            select to_timestamp(d.due / 1000), $2, $3%3$s
            from unnest($1) with ordinality d (due, place) order by d.place
            $sql$, pgq.current_event_table(x_queue),
            case when x_column in ('extra1', 'extra2', 'extra3', 'extra4') then ', ev_' || x_column else '' end,
            case when x_column in ('extra1', 'extra2', 'extra3', 'extra4')
                then format(', %L || d.due::bigint', '@schedule:' || x_name || ':') else '' end)
        using x_due_ms, x_type, x_data;
    end if;
    return v_xid;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.schedule_list(x_names text[])
returns table (name text, decided_ms double precision, last_due_ms double precision, last_sent_ms double precision,
    sent bigint, passed_over bigint, paused_ms double precision, paused_by text) as $$
    select s.name, extract(epoch from s.decided_at)::double precision * 1000,
        extract(epoch from s.last_due_at)::double precision * 1000, extract(epoch from s.last_sent_at)::double precision * 1000,
        s.sent, s.passed_over, extract(epoch from s.paused_at)::double precision * 1000, s.paused_by
    from tributary.schedule s where s.name = any (x_names)
$$ language sql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.schedule_pause(x_names text[], x_is_paused boolean, x_who text)
returns setof text as $$
    update tributary.schedule s
    set paused_at = case when x_is_paused then clock_timestamp() end, paused_by = case when x_is_paused then x_who end,
        decided_at = clock_timestamp()
    where s.name = any (x_names) and (s.paused_at is not null) <> x_is_paused
    returning s.name
$$ language sql set search_path = pg_catalog, pg_temp;
create or replace function tributary.activate_source(x_source integer)
returns boolean as $$
begin
    update tributary.source set state = 'active', halt_code = null, halt_reason = null, halted_at = null
    where id = x_source and state = 'halted';
    return found;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.create_position(
    x_source            integer,
    x_tick_id           bigint,
    x_tick_time_us      bigint,
    x_tick_event_seq    bigint,
    x_snapshot_md5      text)
returns boolean as $$
declare
    v_state text;
begin
    lock table tributary.position_table in row exclusive mode;
    select state into v_state from tributary.source where id = x_source for update;
    if v_state is null then
        raise exception 'source % is not known', x_source;
    end if;
    if v_state <> 'registering' or exists (select from tributary.position where source = x_source) then
        return false;
    end if;
    if (select current from tributary.position_table) = 0 then
        insert into tributary.position_0 (source, n, tick_id, tick_time_us, tick_event_seq, tick_snapshot_md5, moved)
        values (x_source, 1, x_tick_id, x_tick_time_us, x_tick_event_seq, x_snapshot_md5, 0);
    else
        insert into tributary.position_1 (source, n, tick_id, tick_time_us, tick_event_seq, tick_snapshot_md5, moved)
        values (x_source, 1, x_tick_id, x_tick_time_us, x_tick_event_seq, x_snapshot_md5, 0);
    end if;
    update tributary.source set state = 'active' where id = x_source;
    return true;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.end_sources(x_sources jsonb, x_by text, x_successors text[])
returns integer as $$
declare
    v_ended     integer;
begin
    lock table tributary.position_table in row exclusive mode;
    lock table tributary.source_turn in exclusive mode;
    perform tributary.seal_positions((
        select coalesce(jsonb_agg(r.one), '[]') from jsonb_array_elements(x_sources) r (one) where r.one ->> 'n' is not null));
    insert into tributary.retired_source (shard, queue, central_queue, database, tick_id, tick_time_us, tick_event_seq,
        tick_snapshot_md5, moved, seen, retired_by, successors)
    select s.shard, s.queue, s.central_queue, d.database, p.tick_id, p.tick_time_us, p.tick_event_seq,
        p.tick_snapshot_md5, coalesce(p.moved, 0), r.seen, x_by, x_successors
    from jsonb_to_recordset(x_sources) as r (source integer, n bigint, seen boolean)
    join tributary.source s on s.id = r.source and s.state <> 'retired'
    left join tributary.shard d on d.name = s.shard
    left join lateral (
        select * from tributary.position o where o.source = s.id order by o.n desc limit 1) p on true
    where (p.n is null) = (r.n is null)
    order by s.shard, s.queue;
    get diagnostics v_ended = row_count;
    if v_ended <> jsonb_array_length(x_sources) then
        raise exception using errcode = 'TB010', message = 'a source was moved on meanwhile, or another command was faster';
    end if;
    update tributary.source s
    set state = 'retired', halt_code = null, halt_reason = null, halted_at = null, paused_at = null, pause_reason = null,
        paused_by = null
    from jsonb_to_recordset(x_sources) as r (source integer)
    where s.id = r.source;
    delete from tributary.term t
    where t.holder is null and starts_with(t.resource, 'shard:')
      and not exists (select from tributary.source s where s.shard = substr(t.resource, 7) and s.state <> 'retired');
    return v_ended;
end;
$$ language plpgsql
   set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off
   set max_parallel_workers_per_gather = 0;
create or replace function tributary.seal_positions(x_positions jsonb)
returns void as $$
declare
    v_current   integer;
    v_sealed    integer;
begin
    select current into v_current from tributary.position_table;
    execute format($sql$
        insert into tributary.position_%s (source, n, tick_id, tick_time_us, tick_event_seq, tick_snapshot_md5,
            end_tick_id, end_tick_time_us, end_tick_event_seq, end_snapshot_md5, last_event_id, moved, unrouted)
        select r.source, r.n + 1, coalesce(r.tick_id, p.tick_id), coalesce(r.tick_time_us, p.tick_time_us),
            coalesce(r.tick_event_seq, p.tick_event_seq), coalesce(r.tick_snapshot_md5, p.tick_snapshot_md5),
            p.end_tick_id, p.end_tick_time_us, p.end_tick_event_seq, p.end_snapshot_md5, p.last_event_id, p.moved, p.unrouted
        from jsonb_to_recordset($1) as r (source integer, n bigint, tick_id bigint, tick_time_us bigint,
            tick_event_seq bigint, tick_snapshot_md5 text)
        cross join lateral (
            select * from tributary.position o where o.source = r.source order by o.n desc limit 1) p
        where p.n = r.n
        order by r.source
        on conflict (source, n) do nothing
        $sql$, v_current) using x_positions;
    get diagnostics v_sealed = row_count;
    if v_sealed <> jsonb_array_length(x_positions) then
        raise exception using errcode = 'TB010', message = 'a source was moved on meanwhile, or another command was faster';
    end if;
end;
$$ language plpgsql
   set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off
   set max_parallel_workers_per_gather = 0;
create or replace function tributary.halt_source(x_source integer, x_code text, x_reason text)
returns boolean as $$
declare
    v_source    tributary.source;
begin
    update tributary.source
    set state = 'halted', halt_code = x_code, halt_reason = x_reason, halted_at = now()
    where id = x_source and state = 'active'
    returning * into v_source;
    if v_source.id is null then
        return false;
    end if;
    perform tributary.log_note(null, 'program', 'halt', array[v_source.central_queue],
        format('Source %s:%s was halted (%s).', v_source.shard, v_source.queue, x_code));
    return true;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.move_shard(x_shard text, x_from text, x_to text, x_positions jsonb)
returns void as $$
begin
    lock table tributary.position_table in row exclusive mode;
    lock table tributary.source_turn in exclusive mode;
    insert into tributary.shard (name) values (x_shard) on conflict (name) do nothing;
    update tributary.shard s
    set database = x_to, noted_at = clock_timestamp(), moved_at = clock_timestamp(),
        left_databases = case when x_from is null or x_from = x_to then array_remove(s.left_databases, x_to)
            else array_remove(array_remove(s.left_databases, x_to), x_from) || x_from end
    where s.name = x_shard and s.database is not distinct from x_from;
    if not found then
        raise exception using errcode = 'TB010', message = format('shard %s was noted for another database meanwhile', x_shard);
    end if;
    perform tributary.seal_positions(x_positions);
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.pause_sources(x_sources integer[], x_reason text, x_by text default null)
returns setof integer as $$
begin
    perform 1 from tributary.source s where s.id = any (x_sources) order by s.id for update;
    update tributary.source s set pause_reason = x_reason
    where s.id = any (x_sources) and s.paused_at is not null and x_reason is not null;
    return query
    update tributary.source s set paused_at = now(), pause_reason = x_reason, paused_by = x_by
    where s.id = any (x_sources) and s.paused_at is null and s.state <> 'retired'
    returning s.id;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.resume_sources(x_sources integer[])
returns setof integer as $$
begin
    perform 1 from tributary.source s where s.id = any (x_sources) order by s.id for update;
    return query
    update tributary.source s set paused_at = null, pause_reason = null, paused_by = null
    where s.id = any (x_sources) and s.paused_at is not null and s.state <> 'halted'
    returning s.id;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.position_history(x_source integer)
returns table (tick_id bigint, tick_time_us bigint, tick_event_seq bigint, tick_snapshot_md5 text, at timestamptz) as $$
    select p.tick_id, p.tick_time_us, p.tick_event_seq, p.tick_snapshot_md5, p.at
    from tributary.position p where p.source = x_source order by p.n desc
$$ language sql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.register_sources(x_shard text, x_sources jsonb)
returns table (id integer, queue text, state text) as $$
#variable_conflict use_column
begin
    lock table tributary.position_table in row exclusive mode;
    lock table tributary.source_turn in exclusive mode;
    delete from tributary.position p
    using tributary.source s, jsonb_to_recordset(x_sources) as r (queue text)
    where s.shard = x_shard and s.queue = r.queue and s.state = 'retired' and p.source = s.id;
    delete from tributary.source s
    using jsonb_to_recordset(x_sources) as r (queue text)
    where s.shard = x_shard and s.queue = r.queue and s.state = 'retired';
    insert into tributary.source as s (shard, queue, central_queue, routes)
    select x_shard, r.queue, r.central_queue, r.routes
    from jsonb_to_recordset(x_sources) as r (queue text, central_queue text, routes text[])
    order by r.queue
    on conflict (shard, queue) do update set central_queue = excluded.central_queue, routes = excluded.routes
    where s.central_queue <> excluded.central_queue or s.routes is distinct from excluded.routes;
    return query
    select s.id, s.queue, s.state
    from tributary.source s
    join jsonb_to_recordset(x_sources) as r (queue text) on r.queue = s.queue
    where s.shard = x_shard
    order by s.queue;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.rotate_positions(x_period interval)
returns boolean as $$
declare
    v_current   integer;
    v_switched  timestamptz;
    v_carried   integer;
begin
    select switched_at into v_switched from tributary.position_table;
    if v_switched > now() - x_period then
        return false;
    end if;
    lock table tributary.position_table in row exclusive mode;
    select current, switched_at into v_current, v_switched from tributary.position_table;
    if v_switched > now() - x_period then
        return false;
    end if;
    execute format($sql$
        insert into tributary.position_%1$s
        select newest.*
        from tributary.source s
        left join lateral (
            select true as is_there from tributary.position_%1$s new where new.source = s.id limit 1) new on true
        cross join lateral (
            select old.* from tributary.position_%2$s old where old.source = s.id order by old.n desc limit 1) newest
        where new.is_there is null
        $sql$, v_current, 1 - v_current);
    get diagnostics v_carried = row_count;
    if v_carried > 0 then
        return false;
    end if;
    begin
        lock table tributary.position_table in share row exclusive mode nowait;
        execute format('lock table tributary.position_%s in access exclusive mode nowait', 1 - v_current);
    exception when lock_not_available then
        return false;
    end;
    execute format('truncate tributary.position_%s', 1 - v_current);
    update tributary.position_table set current = 1 - v_current, switched_at = now();
    return true;
end;
$$ language plpgsql
   set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off
   set max_parallel_workers_per_gather = 0;
create or replace function tributary.meet_shard(x_shard text, x_database text)
returns table (known_as text, noted text, has_left boolean) as $$
    select case when own.database is distinct from x_database then (
            select min(o.name) from tributary.shard o
            where o.database = x_database and o.name <> x_shard
              and exists (select from tributary.source s where s.shard = o.name and s.state <> 'retired')) end,
        own.database, coalesce(x_database = any (own.left_databases), false)
    from (select 1) one
    left join tributary.shard own on own.name = x_shard
$$ language sql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.note_shard(x_shard text, x_database text)
returns boolean as $$
begin
    insert into tributary.shard as s (name, database, noted_at)
    select x_shard, x_database, now()
    where exists (select from tributary.source o where o.shard = x_shard and o.state <> 'retired')
    on conflict (name) do update set database = excluded.database, noted_at = excluded.noted_at
    where s.database is distinct from excluded.database;
    return found;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.rename_shard(x_old text, x_new text)
returns integer as $$
declare
    v_renamed   integer;
begin
    lock table tributary.position_table in row exclusive mode;
    lock table tributary.source_turn in exclusive mode;
    if not exists (select from tributary.source s where s.shard = x_old and s.state <> 'retired') then
        raise exception using errcode = 'undefined_object', message = format('central knows no shard %s', x_old);
    end if;
    if exists (select from tributary.source s where s.shard = x_new and s.state <> 'retired') then
        raise exception using errcode = 'duplicate_object', message = format('there is a shard %s already', x_new);
    end if;
    if exists (select from tributary.retired_source r where r.shard = x_new
            and r.database is distinct from (select o.database from tributary.shard o where o.name = x_old)) then
        raise exception using errcode = 'duplicate_object',
            message = format('%s is the name of a shard that was retired, and its origins are in central for ever', x_new);
    end if;
    delete from tributary.position p using tributary.source s where s.shard = x_new and p.source = s.id;
    delete from tributary.source s where s.shard = x_new;
    delete from tributary.shard s where s.name = x_new;
    update tributary.source s set shard = x_new where s.shard = x_old;
    get diagnostics v_renamed = row_count;
    insert into tributary.shard as n (name, database, noted_at, former_names, left_databases, moved_at)
    select x_new, o.database, o.noted_at, coalesce(o.former_names, '{}') || x_old, coalesce(o.left_databases, '{}'), o.moved_at
    from (select 1) one
    left join tributary.shard o on o.name = x_old;
    delete from tributary.shard s where s.name = x_old;
    delete from tributary.term t where t.resource = 'shard:' || x_old and t.holder is null;
    return v_renamed;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.source_changes(x_shards text[], x_marks bigint[])
returns table (source integer, state text, halt_reason text, paused boolean, pause_reason text,
    shard text, has_others boolean, left_databases text[]) as $$
    select s.id, s.state, s.halt_reason, s.paused_at is not null, s.pause_reason, null::text, false, null::text[]
    from tributary.source s
    where s.shard = any (x_shards) and (s.state in ('registering', 'halted') or s.paused_at is not null)
    union all
    select null, null, null, null, null, k.shard, true, null
    from unnest(x_shards, x_marks) k (shard, mark)
    left join (
        select s.shard, sum(((s.id % 1000003)::bigint * (s.id % 1000003)) % 1000003) as mark
        from tributary.source s
        where s.shard = any (x_shards) and s.state <> 'retired'
        group by 1) n on n.shard = k.shard
    where coalesce(n.mark, 0) <> k.mark
    union all
    select null, null, null, null, null, d.name, false, d.left_databases
    from tributary.shard d
    where d.name = any (x_shards) and d.left_databases <> '{}'
$$ language sql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.source_states(x_shards text[])
returns table (source integer, state text, halt_reason text, paused boolean, pause_reason text, total bigint,
    shard text, left_databases text[]) as $$
    select s.id, s.state, s.halt_reason, s.paused_at is not null, s.pause_reason, null::bigint, null::text, null::text[]
    from tributary.source s
    where s.shard = any (x_shards) and (s.state in ('registering', 'halted') or s.paused_at is not null)
    union all
    select null, null, null, null, null, count(*), null, null
    from tributary.source s
    where s.shard = any (x_shards) and s.state <> 'retired'
    union all
    select null, null, null, null, null, null, d.name, d.left_databases
    from tributary.shard d
    where d.name = any (x_shards) and d.left_databases <> '{}'
$$ language sql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.sources_of(x_shards text[])
returns table (
    source integer, shard text, queue text, central_queue text, state text, halt_reason text, paused boolean,
    pause_reason text, n bigint, tick_id bigint, tick_time_us bigint, tick_event_seq bigint, tick_snapshot_md5 text,
    end_tick_id bigint, end_tick_time_us bigint, end_tick_event_seq bigint, end_snapshot_md5 text,
    last_event_id bigint, moved bigint, routes text[]) as $$
    select s.id, s.shard, s.queue, s.central_queue, s.state, s.halt_reason, s.paused_at is not null,
        s.pause_reason, p.n, p.tick_id, p.tick_time_us, p.tick_event_seq, p.tick_snapshot_md5,
        p.end_tick_id, p.end_tick_time_us, p.end_tick_event_seq, p.end_snapshot_md5,
        p.last_event_id, p.moved, s.routes
    from tributary.source s
    left join lateral (
        select * from tributary.position p where p.source = s.id order by p.n desc limit 1) p on true
    where s.shard = any (x_shards) and s.state <> 'retired'
    order by s.shard, s.queue
$$ language sql stable
   set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off
   set max_parallel_workers_per_gather = 0;
create or replace function tributary.log_note(x_who text, x_via text, x_kind text, x_queues text[], x_what text)
returns void as $$
    insert into tributary.logbook (who, via, kind, central_queues, what) values (x_who, x_via, x_kind, x_queues, x_what)
$$ language sql set search_path = pg_catalog, pg_temp;
create or replace function tributary.log_expire(x_keep interval, x_limit integer)
returns bigint as $$
    with gone as (
        delete from tributary.logbook l
        where l.id in (select o.id from tributary.logbook o where o.at < now() - x_keep order by o.at limit x_limit)
        returning 1)
    select count(*) from gone
$$ language sql set search_path = pg_catalog, pg_temp;
create or replace function tributary.note_history(x_queues text[], x_group text)
returns boolean as $$
declare
    v_current   integer;
    v_switched  timestamptz;
    v_now       timestamptz := clock_timestamp();
begin
    select t.current, t.switched_at into v_current, v_switched
    from tributary.queue_history_table t
    where t.noted_at <= v_now - interval '9 seconds' or t.noted_at > v_now
    for update skip locked;
    if not found then
        return false;
    end if;
    if v_switched <= v_now - interval '1 day' then
        begin
            execute format('lock table tributary.queue_history_%s in access exclusive mode nowait', 1 - v_current);
            execute format('truncate tributary.queue_history_%s', 1 - v_current);
            v_current := 1 - v_current;
            v_switched := v_now;
        exception when lock_not_available then
            null;
        end;
    end if;
    execute format($sql$
        insert into tributary.queue_history_%s (central_queue, at, in_rate, out_rate, waiting, age, workers_up, workers_wanted,
            retrying, dead)
        select l.queue, $1, l.came, l.handled, l.events_behind, l.seconds_behind, l.running, l.wanted, l.retrying, l.dead
        from tributary.lag_central($2, $3) l
        where l.is_there
        on conflict do nothing
        $sql$, v_current)
    using v_now, x_queues, x_group;
    update tributary.queue_history_table set current = v_current, switched_at = v_switched, noted_at = v_now;
    return true;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;
create or replace function tributary.history_of(x_queue text, x_span interval, x_step interval)
returns table (at double precision, in_rate double precision, out_rate double precision, waiting bigint, age double precision) as $$
    select extract(epoch from date_bin(x_step, h.at, 'epoch'))::double precision, avg(h.in_rate)::double precision,
        avg(h.out_rate)::double precision, max(h.waiting), max(h.age)::double precision
    from tributary.queue_history h
    where h.central_queue = x_queue and h.at > now() - x_span
    group by 1
    order by 1
$$ language sql stable set search_path = pg_catalog, pg_temp;
create or replace function tributary.source_windows(x_shard text, x_queue text, x_limit integer, x_works text[] default null)
returns table (at timestamptz, from_tick bigint, to_tick bigint, is_part boolean, tick_at timestamptz, events bigint, mover text,
    handled_at timestamptz)
language plpgsql stable
set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
set max_parallel_workers_per_gather = 0
as $$
declare
    v_source    integer;
    v_works     text[];
    v_xids      bigint[];
    v_work      text;
    v_found     bigint[];
    v_table     text;
    v_of        text[] := '{}';
    v_came      bigint[] := '{}';
begin
    select s.id, coalesce(x_works, array[s.central_queue]) into v_source, v_works
    from tributary.source s where s.shard = x_shard and s.queue = x_queue and s.state <> 'retired';
    if not found then
        return;
    end if;
    select array_agg(distinct p.xid) into v_xids
    from (select p.xid from tributary.position p where p.source = v_source order by p.n desc limit x_limit) p
    where p.xid is not null;
    foreach v_work in array v_works loop
        select q.queue_data_pfx into v_table from pgq.queue q where q.queue_name = split_part(v_work, '/', 1);
        if found then
            execute format(
                'select array_agg(x) from unnest($1) x cross join lateral (select from %s e where e.ev_txid = x limit 1) one',
                v_table::regclass)
            into v_found using v_xids;
            v_came := v_came || v_found;
            v_of := v_of || array_fill(v_work, array[coalesce(cardinality(v_found), 0)]);
        end if;
    end loop;
    return query
    with p as materialized (
        select p.*, lead(p.moved) over w as moved_before,
            case when p.end_tick_id is null then lead(p.tick_id) over w else p.tick_id end as window_from
        from (select * from tributary.position p where p.source = v_source order by p.n desc limit x_limit + 1) p
        window w as (order by p.n desc)),
    ticks as materialized (
        select w.name, t.tick_id, t.tick_snapshot::text::txid_snapshot as snapshot,
            min(t.tick_id) over (partition by w.name) as oldest
        from unnest(v_works) w (name)
        join pgq.queue q on q.queue_name = split_part(w.name, '/', 1)
        cross join lateral (select * from pgq.tick t where t.tick_queue = q.queue_id order by t.tick_id desc limit 300) t),
    came as (
        select c.xid, c.work, min(t.tick_id) as tick, min(t.oldest) as oldest
        from (select * from unnest(v_of, v_came) c (work, xid)) c
        left join ticks t on t.name = c.work and txid_visible_in_snapshot(c.xid, t.snapshot)
        group by c.xid, c.work)
    select p.at, p.window_from, coalesce(p.end_tick_id, p.tick_id), p.end_tick_id is not null,
        to_timestamp(coalesce(p.end_tick_time_us, p.tick_time_us) / 1000000.0), p.moved - p.moved_before, p.mover, h.at
    from p
    left join lateral (
        select case when count(*) = count(one.at) then max(one.at) end as at
        from came c
        cross join lateral (
            select max(h.at) as at from tributary.handled h
            where c.tick > c.oldest and h.central_queue = c.work and h.start_tick < c.tick and h.last_event_id is null
                and h.lane is null
                and h.end_tick = (select min(o.end_tick) from tributary.handled o
                                  where o.central_queue = c.work and o.end_tick >= c.tick)) one
        where p.moved > p.moved_before and c.xid = p.xid) h on true
    order by p.n desc limit x_limit;
end;
$$;
create schema if not exists pgq_coop;
grant usage on schema pgq_coop to public;
create or replace function pgq_coop.register_subconsumer(i_queue_name text, i_consumer_name text, i_subconsumer_name text)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform tributary.coop_register_group(i_queue_name, i_consumer_name);
    return tributary.coop_register(i_queue_name, i_consumer_name, i_subconsumer_name);
end;
$$;
create or replace function pgq_coop.unregister_subconsumer(
    i_queue_name text, i_consumer_name text, i_subconsumer_name text, i_batch_handling integer)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform 1
    from pgq.queue q
    join pgq.subscription s on s.sub_queue = q.queue_id
    join pgq.consumer c on c.co_id = s.sub_consumer
    where q.queue_name = i_queue_name and c.co_name = i_consumer_name;
    if not found then
        return 0;
    end if;
    perform 1
    from pgq.queue q
    join pgq.subscription s on s.sub_queue = q.queue_id
    join pgq.consumer c on c.co_id = s.sub_consumer
    where q.queue_name = i_queue_name and c.co_name = tributary.coop_member_name(i_consumer_name, i_subconsumer_name)
        and s.sub_batch is not null and s.sub_active > to_timestamp(0) and i_batch_handling is distinct from 1;
    if found then
        raise exception 'subconsumer has active batch';
    end if;
    return tributary.coop_unregister(i_queue_name, i_consumer_name, i_subconsumer_name);
end;
$$;
revoke all on function pgq_coop.register_subconsumer(text, text, text) from public;
revoke all on function pgq_coop.unregister_subconsumer(text, text, text, integer) from public;
do $$
begin
    if to_regrole('pgq_reader') is not null then
        grant execute on function pgq_coop.register_subconsumer(text, text, text) to pgq_reader;
        grant execute on function pgq_coop.unregister_subconsumer(text, text, text, integer) to pgq_reader;
    end if;
end;
$$;
create or replace function pgq_coop.next_batch_custom(
    i_queue_name text, i_consumer_name text, i_subconsumer_name text,
    i_min_lag interval, i_min_count integer, i_min_interval interval, i_dead_interval interval)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform tributary.coop_register_group(i_queue_name, i_consumer_name);
    return (select b.batch_id from tributary.coop_next_batch(
        i_queue_name, i_consumer_name, i_subconsumer_name, i_dead_interval, i_min_lag, i_min_count, i_min_interval) b);
end;
$$;
create or replace function pgq_coop.next_batch_custom(
    i_queue_name text, i_consumer_name text, i_subconsumer_name text,
    i_min_lag interval, i_min_count integer, i_min_interval interval)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return pgq_coop.next_batch_custom(i_queue_name, i_consumer_name, i_subconsumer_name, i_min_lag, i_min_count, i_min_interval, null);
end;
$$;
create or replace function pgq_coop.next_batch(
    i_queue_name text, i_consumer_name text, i_subconsumer_name text, i_dead_interval interval)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return pgq_coop.next_batch_custom(i_queue_name, i_consumer_name, i_subconsumer_name, null, null, null, i_dead_interval);
end;
$$;
create or replace function pgq_coop.next_batch(i_queue_name text, i_consumer_name text, i_subconsumer_name text)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return pgq_coop.next_batch_custom(i_queue_name, i_consumer_name, i_subconsumer_name, null, null, null, null);
end;
$$;
create or replace function pgq_coop.finish_batch(i_batch_id bigint)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if coalesce(i_batch_id, 0) < 1000000000000000 then
        perform 1 from pgq.subscription where sub_batch = i_batch_id;
        if not found then
            raise warning 'coop_finish_batch: batch % not found', i_batch_id;
            return 0;
        end if;
    end if;
    return tributary.coop_finish_batch(i_batch_id);
end;
$$;
create or replace function pgq_coop.version()
returns text
language sql immutable
as $$
    select '3.4-tributary'
$$;
revoke all on function pgq_coop.next_batch_custom(text, text, text, interval, integer, interval, interval) from public;
revoke all on function pgq_coop.next_batch_custom(text, text, text, interval, integer, interval) from public;
revoke all on function pgq_coop.next_batch(text, text, text, interval) from public;
revoke all on function pgq_coop.next_batch(text, text, text) from public;
revoke all on function pgq_coop.finish_batch(bigint) from public;
revoke all on function pgq_coop.version() from public;
do $$
begin
    if to_regrole('pgq_reader') is not null then
        grant execute on function pgq_coop.next_batch_custom(text, text, text, interval, integer, interval, interval) to pgq_reader;
        grant execute on function pgq_coop.next_batch_custom(text, text, text, interval, integer, interval) to pgq_reader;
        grant execute on function pgq_coop.next_batch(text, text, text, interval) to pgq_reader;
        grant execute on function pgq_coop.next_batch(text, text, text) to pgq_reader;
        grant execute on function pgq_coop.finish_batch(bigint) to pgq_reader;
        grant execute on function pgq_coop.version() to pgq_reader;
    end if;
end;
$$;
comment on schema tributary is 'tributary files of schema version 53';

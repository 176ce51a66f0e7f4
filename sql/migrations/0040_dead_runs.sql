-- Retries of dead events that go on for a while, so that every host can show them and stop them. The process that does one renews
-- its row; where that is not renewed any more, the process is gone and the retry with it.
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

-- What operators did, and what happened that the figures show: deploys, takeovers, halts.
create table tributary.logbook (
    id              bigint generated always as identity primary key,
    at              timestamptz not null default clock_timestamp(),
    -- Null: nobody; a program noted what happened.
    who             text,
    via             text not null check (via in ('cli', 'page', 'program')),
    kind            text not null,
    -- Central queues that it concerns; null: all.
    central_queues  text[],
    what            text not null
);
create index logbook_by_time on tributary.logbook (at);
comment on table tributary.logbook is 'Operators'' actions, each written by the transaction that did it, and what else the charts are marked with. Kept for 90 days.';

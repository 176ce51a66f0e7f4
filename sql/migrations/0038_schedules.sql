-- Schedules of the file, up to where they have been decided. A row is made by whoever first looks at a schedule, and written once
-- for each time that it was due.
create table tributary.schedule (
    name            text primary key,
    -- When it is due: of another one what was decided says nothing.
    spec            text not null,
    -- Each time up to here has gone in or was passed over; the rows of a name go on from one another by it.
    decided_at      timestamptz not null,
    -- The newest time that went in, and when it did.
    last_due_at     timestamptz,
    last_sent_at    timestamptz,
    sent            bigint not null default 0,
    passed_over     bigint not null default 0,
    paused_at       timestamptz,
    paused_by       text
) with (fillfactor = 50);
comment on table tributary.schedule is 'Up to where the schedules of the file have been decided.';

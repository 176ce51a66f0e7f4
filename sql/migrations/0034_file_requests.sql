-- `tributary reload` asks all members to read their files again: each request is a row, and members look for the newest one.

create table tributary.file_request (
    n           bigint generated always as identity primary key,
    asked_at    timestamptz not null default now(),
    asked_by    text not null
);
comment on table tributary.file_request is 'Requests to all members to read their files again.';

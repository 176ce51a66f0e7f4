-- Where spools are noted that deliver to this shard: of each writer the number of the record that was delivered last, written
-- in the transaction that inserts the events. `tributary spool` makes it where its role may; else the owner of the database
-- runs this once. Whoever may insert events may note them.
create schema if not exists tributary_spool;
create table if not exists tributary_spool.place (
    spool   uuid not null,
    writer  uuid not null,
    seq     bigint not null,
    at      timestamptz not null default now(),
    primary key (spool, writer)
);
do $$
begin
    if to_regrole('pgq_writer') is not null then
        grant usage on schema tributary_spool to pgq_writer;
        grant select, insert, update, delete on tributary_spool.place to pgq_writer;
    end if;
    if to_regrole('pgque_writer') is not null then
        grant usage on schema tributary_spool to pgque_writer;
        grant select, insert, update, delete on tributary_spool.place to pgque_writer;
    end if;
end;
$$;

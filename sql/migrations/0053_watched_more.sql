-- Commands retry dead events as well: of several queues, kinds and errors in one run, and as fast as it goes.
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

-- A source may lead to several central queues and groups: the call without them is served by the new one.
drop function if exists tributary.source_windows(text, text, integer);

-- Dead events that were handed out again keep their row, as the history of the event.

alter table tributary.dead_event add column redriven_at timestamptz;
alter table tributary.dead_event add column redriven integer not null default 0;
comment on column tributary.dead_event.redriven_at is 'When the event was handed out again; null: it is dead.';
comment on column tributary.dead_event.redriven is
    'How many times somebody tried to hand it out again; central may have refused it each time.';

-- Both are made again with other arguments or columns.
drop function if exists tributary.dead_list(text, text, text, text, interval, integer);
drop function if exists tributary.dead_show(bigint);

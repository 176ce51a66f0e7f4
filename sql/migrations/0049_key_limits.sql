-- Keys of lanes wait for other reasons than an event that failed: for the turn of other keys of their lane, and for their rate.
alter table tributary.lane_set add column fair boolean not null default false;
alter table tributary.lane_set add column per_key double precision;
comment on column tributary.lane_set.fair is 'A batch has at most some events of one key; the others wait for the next ones.';
comment on column tributary.lane_set.per_key is 'Events of one key that may be handed out a second; null: any number.';

alter table tributary.paused_key add column waits_for text not null default 'retry' check (waits_for in ('retry', 'turn', 'rate'));
alter table tributary.paused_key add column upto bigint;
create index paused_key_due_idx on tributary.paused_key (queue_id, sub_id, next_at) where batch is null;
comment on column tributary.paused_key.upto is 'Last of its events that the batch which tries it has; null: it has all of them.';

-- Written by the batch that has the lane of the key, and by no other.
create table tributary.key_rate (
    queue_id    integer not null,
    sub_id      integer not null,
    hash        text not null,
    -- Up to here what its rate allows is used.
    used_until  timestamptz not null,
    primary key (queue_id, sub_id, hash)
) with (fillfactor = 50);
comment on table tributary.key_rate is 'How much of its rate each key has used lately, in queues that limit their keys.';

-- They have other parameters, or tell more, now.
drop function if exists tributary.lanes_set(text, text, text, integer, boolean);
drop function if exists tributary.lane_sql(bigint, text);
drop function if exists tributary.lane_cursor(bigint, text, integer, text);

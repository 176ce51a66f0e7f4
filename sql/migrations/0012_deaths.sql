-- A death counts where somebody saw it and knows what it was: the slice at work and the slice under suspicion are two things.
alter table tributary.narrowing
    -- The slice that is under suspicion, because workers died in it.
    add column suspect_first bigint,
    add column suspect_last bigint,
    add column suspect_events integer,
    -- Of the deaths in it those that may have come from outside: killed while the machine was out of memory.
    add column kills integer not null default 0,
    -- The token under which the last death that was counted happened: each counts once.
    add column judged bigint;
comment on column tributary.narrowing.running_events is
    'The slice that a worker has begun and not ended; null: none is at work. Found here later it says where a worker died, not of what.';

drop function if exists tributary.narrowing_open(text, text, bigint, bigint, bigint[]);

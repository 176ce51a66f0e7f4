-- A tick is a snapshot with a number. Two ticks of a queue bound a batch.
--
-- Invariant: in the order of tick_id the snapshots of a queue only grow (pgq.ticker serialises them and refuses others).
create table pgq.tick (
    tick_queue      integer         not null,
    tick_id         bigint          not null,
    tick_time       timestamptz     not null default now(),
    tick_snapshot   txid_snapshot   not null default txid_current_snapshot(),
    tick_event_seq  bigint          not null,

    constraint tick_pkey primary key (tick_queue, tick_id),
    constraint tick_queue_fkey foreign key (tick_queue) references pgq.queue (queue_id)
);

comment on column pgq.tick.tick_event_seq is 'The event sequence as the ticker read it: a hint about size, never a bound of ids.';

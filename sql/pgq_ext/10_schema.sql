-- Tables of a destination: which batches, events and ticks of which consumer it has taken already. Consumers write them in
-- the transaction of their effects there.
create schema if not exists pgq_ext;

comment on schema pgq_ext is 'What a destination has taken of queues, bundled with Tributary.';

create table if not exists pgq_ext.completed_tick (
    consumer_id     text    not null,
    subconsumer_id  text    not null default '',
    last_tick_id    bigint  not null,

    primary key (consumer_id, subconsumer_id)
);

create table if not exists pgq_ext.completed_batch (
    consumer_id     text    not null,
    subconsumer_id  text    not null default '',
    last_batch_id   bigint  not null,

    primary key (consumer_id, subconsumer_id)
);

create table if not exists pgq_ext.completed_event (
    consumer_id     text    not null,
    subconsumer_id  text    not null default '',
    batch_id        bigint  not null,
    event_id        bigint  not null,

    primary key (consumer_id, subconsumer_id, batch_id, event_id)
);

-- The batch whose events pgq_ext.completed_event holds.
create table if not exists pgq_ext.partial_batch (
    consumer_id     text    not null,
    subconsumer_id  text    not null default '',
    cur_batch_id    bigint  not null,

    primary key (consumer_id, subconsumer_id)
);

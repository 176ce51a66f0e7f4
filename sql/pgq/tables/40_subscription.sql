-- Consumers, and how far each has read its queues. Consumer names are global to the database.
create table pgq.consumer (
    co_id       serial,
    co_name     text not null,

    constraint consumer_pkey primary key (co_id),
    constraint consumer_name_uq unique (co_name)
);

-- sub_id is not unique: the rows of a cooperative group share it.
-- Row states (last tick / next tick / batch): idle = set/null/null, active = all set,
-- idle group member = all null, active group member = all set.
create table pgq.subscription (
    sub_id          serial      not null,
    sub_queue       integer     not null,
    sub_consumer    integer     not null,
    sub_last_tick   bigint,
    sub_active      timestamptz not null default now(),
    sub_batch       bigint,
    sub_next_tick   bigint,

    constraint subscription_pkey primary key (sub_queue, sub_consumer),
    constraint subscription_batch_idx unique (sub_batch),
    constraint sub_queue_fkey foreign key (sub_queue) references pgq.queue (queue_id),
    constraint sub_consumer_fkey foreign key (sub_consumer) references pgq.consumer (co_id)
);

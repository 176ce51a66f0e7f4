-- What every event table inherits. Each queue adds an empty parent pgq.event_<queue id> and its rotating tables
-- pgq.event_<queue id>_<n>; see functions/create_queue.sql.
create table pgq.event_template (
    ev_id       bigint      not null,
    ev_time     timestamptz not null,

    ev_txid     bigint      not null default txid_current(),
    ev_owner    integer,
    ev_retry    integer,

    ev_type     text,
    ev_data     text,
    ev_extra1   text,
    ev_extra2   text,
    ev_extra3   text,
    ev_extra4   text
);

comment on column pgq.event_template.ev_owner is 'Subscription id that alone sees the row: an event that was put off and came back.';

-- Events put off until ev_retry_after. Columns after ev_queue are those of the template, in its order.
create table pgq.retry_queue (
    ev_retry_after  timestamptz not null,
    ev_queue        integer     not null,

    ev_id           bigint      not null,
    ev_time         timestamptz not null,
    ev_txid         bigint,
    ev_owner        integer     not null,
    ev_retry        integer,

    ev_type         text,
    ev_data         text,
    ev_extra1       text,
    ev_extra2       text,
    ev_extra3       text,
    ev_extra4       text,

    constraint rq_pkey primary key (ev_owner, ev_id),
    constraint rq_queue_id_fkey foreign key (ev_queue) references pgq.queue (queue_id)
);

create index rq_retry_idx on pgq.retry_queue (ev_retry_after);

-- One row per queue. Operators and clients update settings here directly, so column names are part of the contract.
create table pgq.queue (
    queue_id                    serial,
    queue_name                  text        not null,

    queue_ntables               integer     not null default 3,
    queue_cur_table             integer     not null default 0,
    queue_rotation_period       interval    not null default '2 hours',
    queue_switch_step1          bigint      not null default txid_current(),
    queue_switch_step2          bigint               default txid_current(),
    queue_switch_time           timestamptz not null default now(),

    queue_external_ticker       boolean     not null default false,
    queue_disable_insert        boolean     not null default false,
    queue_ticker_paused         boolean     not null default false,

    queue_ticker_max_count      integer     not null default 500,
    queue_ticker_max_lag        interval    not null default '3 seconds',
    queue_ticker_idle_period    interval    not null default '1 minute',
    queue_per_tx_limit          integer,

    queue_data_pfx              text        not null,
    queue_event_seq             text        not null,
    queue_tick_seq              text        not null,
    queue_extra_maint           text[],

    constraint queue_pkey primary key (queue_id),
    constraint queue_name_uq unique (queue_name),
    -- Functions that run as their owner put these names into SQL, while pgq_admin may update the row.
    constraint queue_objects_check check (queue_data_pfx = 'pgq.event_' || queue_id
        and queue_event_seq = queue_data_pfx || '_id_seq' and queue_tick_seq = queue_data_pfx || '_tick_seq')
);

comment on column pgq.queue.queue_ntables is 'Read once, when the queue is created; never change it later.';
comment on column pgq.queue.queue_switch_step1 is 'Transaction that switched the table last.';
comment on column pgq.queue.queue_switch_step2 is 'A later transaction, which proves that the switch was committed; null while it is not proven.';
comment on column pgq.queue.queue_ticker_max_count is 'This many new events make a tick due at once. No cap on the size of a batch.';

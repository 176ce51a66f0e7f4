-- What the demo's handlers write to. `no` is the order of writing, `txid` the transaction.
-- Nothing makes `origin` unique: if an event were handled twice, the proof would see it.

create table invoice (
    no          bigint generated always as identity,
    txid        bigint not null default txid_current(),
    origin      text not null,
    order_id    bigint,
    cents       integer
);

create table booking (
    no          bigint generated always as identity,
    txid        bigint not null default txid_current(),
    origin      text not null,
    order_id    bigint,
    cents       integer
);

create table outbox (
    no          bigint generated always as identity,
    txid        bigint not null default txid_current(),
    origin      text not null,
    template    text,
    order_id    bigint
);

-- From when an event counts that had to wait for its time: when it was due, or was made where that was later. Of each run those
-- times by the ids of its events, the lowest first; a time stands for the events behind it up to the next one. Null: not known.
alter table tributary.delayed_run
    add column ev_ids bigint[],
    add column counts_from timestamptz[];
create index delayed_run_xid on tributary.delayed_run (central_queue, xid) where events > 0;

-- The same of an event that waits for its key; null: it counts from when it was made.
alter table tributary.lane_waiting add column counts_from timestamptz;

-- The queue's name instead of transactions: what its runs put into it is asked where it is counted.
drop function if exists tributary.lag_rows(text, txid_snapshot, txid_snapshot, integer, integer, text, bigint[]);

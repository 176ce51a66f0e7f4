-- Progress inside a batch holds for every member of the group; and a worker's death counts only where it was seen.

-- Batch ids given to members that do not know of the progress inside a batch: the id itself tells who has it.
create sequence tributary.coop_plain_token minvalue 5000000000000000 maxvalue 9007199254740991;

-- The function that hands batches out is told whether its caller knows.
drop function if exists tributary.coop_next_batch(text, text, text, interval, interval, integer, interval);
drop function if exists tributary.coop_open(tid, integer, integer, bigint, bigint);

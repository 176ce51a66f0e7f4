-- With a look, for a queue that was quiet since a tick while transactions were open: whether one of them has committed events, which are
-- in no tick then, and whether one is open still. Both by one snapshot: what has ended is visible here. $1 is the transaction id that was
-- given out next just after the tick: not only what the tick found open counts, for a transaction behind the last one that has ended
-- is in no snapshot's list. :uncovered is as in due.sql.
select l.tick_queue as id, :uncovered as uncovered, pg_snapshot_xmin(pg_current_snapshot())::text::bigint < $1 as open
from (select t.* from :schema.tick t where t.tick_queue = :id order by t.tick_id desc limit 1) l;

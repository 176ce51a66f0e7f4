-- Which commit moved a source to a position, and which host's mover made it: the events of that commit have its transaction.
alter table tributary.position add column xid bigint, add column mover text;
alter table tributary.position alter column xid set default txid_current();
comment on column tributary.position.xid is 'The transaction that inserted it, with its events; null: from before this was noted.';
comment on column tributary.position.mover is 'Host of the mover; null: made by a command, or by a mover of an older version.';

-- The function that inserts positions is told the mover.
drop function if exists tributary.insert_positions(jsonb);

-- Tables that are locked and never filled: whoever locks one has its turn. Other than an advisory lock, a table's lock needs a
-- right, and other than that of a table with rows, it meets no vacuum.
create table tributary.lease_turn ();
create table tributary.source_turn ();

comment on table tributary.lease_turn is 'Locked while leases are taken.';
comment on table tributary.source_turn is 'Locked while sources are registered.';

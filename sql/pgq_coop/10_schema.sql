-- Cooperative consumption under upstream's names, for any client that knows pgq_coop. Applied only where no other pgq_coop
-- is there; all of it calls tributary.coop_*.
create schema if not exists pgq_coop;
grant usage on schema pgq_coop to public;

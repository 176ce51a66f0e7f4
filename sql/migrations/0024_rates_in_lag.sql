-- lag tells since when a source does not move, and how many events come into a central queue and are handled. A function
-- cannot be replaced by one that returns other columns.

alter table tributary.source_lag add column state_since timestamptz;
comment on column tributary.source_lag.state_since is 'Since when movers say this state; null: they said it before anybody noted.';

drop function if exists tributary.lag_central(text[], text);
drop function if exists tributary.lag_sources();

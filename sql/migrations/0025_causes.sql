-- doctor names the cause of what stands still, and who paused it. A function cannot be replaced by one that takes or returns
-- others.

alter table tributary.source add column paused_by text;
comment on column tributary.source.paused_by is 'Who paused it, for people; null: not paused, or it was not noted.';
alter table tributary.source_lag add column cause text;
comment on column tributary.source_lag.cause is 'The name that doctor has for the reason.';

drop function if exists tributary.lag_sources();
drop function if exists tributary.pause_sources(integer[], text);

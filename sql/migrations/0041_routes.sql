-- A source queue may feed several central queues: which ones install has led each source to, and the events that no route took.
alter table tributary.source add column routes text[];
comment on column tributary.source.routes is 'All central queues that install has led the source to, central_queue among them; null: that one alone.';

-- Null, which takes no place, where there are none.
alter table tributary.position add column unrouted bigint;
comment on column tributary.position.unrouted is 'Events since the source was installed that no route took; null: none.';

-- They tell more now.
drop function if exists tributary.sources_of(text[]);
drop function if exists tributary.lag_sources();

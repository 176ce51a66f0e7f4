-- A mover says once for all its sources that what it reported of them still holds, so that a source of which nothing changes
-- costs nothing.

create table tributary.mover_report (
    member  uuid primary key,
    at      timestamptz not null,
    -- How old the oldest of the figures that stand was then.
    age     interval not null
) with (fillfactor = 50);
comment on table tributary.mover_report is 'When a mover last said that its reports in source_lag still hold. One update a report, several a second.';

alter table tributary.source_lag add column member uuid;
alter table tributary.source_lag add column stands boolean not null default false;
alter table tributary.source_lag add column ages boolean not null default false;
comment on table tributary.source_lag is 'What movers reported of sources, written where it changes; read it as tributary.source_report.';
comment on column tributary.source_lag.member is 'The mover whose report it is, as long as it looks after the source.';
comment on column tributary.source_lag.stands is 'The figures hold for as long as the mover reports; else only when they were seen.';
comment on column tributary.source_lag.ages is 'The same event is the oldest as long as the figures stand: seconds_behind grows with time.';

create view tributary.source_report as
select l.source, l.member, l.mover, l.state, l.reason, l.state_since, greatest(l.reported_at, r.at) as reported_at,
    case when l.stands then greatest(l.at, r.at - r.age) else l.at end as at,
    l.events_behind, l.exact,
    l.seconds_behind + case
        when l.stands and l.ages then greatest(extract(epoch from r.at - r.age - l.at)::double precision, 0) else 0 end
        as seconds_behind,
    l.ages, l.last_tick, l.provider, l.cause
from tributary.source_lag l
left join tributary.mover_report r on r.member = l.member;
comment on view tributary.source_report is
    'The last report on each source: what a mover says (reported_at), and how far behind it was when that was seen (at).';

drop function if exists tributary.store_lag(text, jsonb);
drop function if exists tributary.lag_sources();

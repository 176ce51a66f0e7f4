-- A mover's report and the figures in it have ages of their own: a mover that cannot reach a shard goes on reporting so,
-- and the figures that were seen last stay.

alter table tributary.source_lag alter column at drop not null;
alter table tributary.source_lag add column reported_at timestamptz;
comment on column tributary.source_lag.at is 'When the figures were seen; null: never.';
comment on column tributary.source_lag.reported_at is 'When a mover last said anything about the source.';

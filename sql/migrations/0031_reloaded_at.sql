-- Metrics tell when the workers of a queue were last to be replaced by new processes.

alter table tributary.worker_pool add column renewed_at timestamptz;
comment on column tributary.worker_pool.renewed_at is 'When generation last grew; null: it did not, or that was not noted.';

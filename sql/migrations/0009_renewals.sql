-- How often the workers of a queue were to be replaced by new processes (`reload --workers`).

alter table tributary.worker_pool add column generation integer not null default 0;
comment on column tributary.worker_pool.generation is
    'Grows by one each time that all workers are to be replaced; hosts compare it with that of each process.';

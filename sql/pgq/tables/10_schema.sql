-- The schema of the bundled PgQ engine. Plain `create`: the engine is installed only where schema pgq does not exist,
-- so that it can never mix with the extension of the same name.
create schema pgq;

comment on schema pgq is 'Queues: the PgQ API in plain SQL, bundled with Tributary.';

-- Batch ids are one series for the whole database.
create sequence pgq.batch_id_seq;

-- Movers say of their shards as well whether the tables that the file captures are captured there: by which captures all is as it
-- should be; null: not all is, or nobody looked.
alter table tributary.shard_report add column captured text;

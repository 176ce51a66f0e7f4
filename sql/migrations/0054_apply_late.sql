-- An event that central refused at first comes with a new id when it is retried: its age is told by the id that it had on its shard.
alter table tributary.apply_newer add column source_id bigint;
comment on column tributary.apply_newer.source_id is 'The id on the shard of the last event that was applied to it; null: not known, or the row was copied.';
drop function if exists tributary.apply_look(text, text, text[], text, text[]);

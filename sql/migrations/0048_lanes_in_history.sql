-- Batches of several lanes may have the same ticks: which of them handled an event is told by the lane.
alter table tributary.handled add column lane integer;
comment on column tributary.handled.lane is 'Lane that the batch was of; null: its group had none.';

drop function if exists tributary.note_handled(
    text, bigint, bigint, bigint, bigint, integer, text, text, integer, integer, integer, integer, integer, real, real, text);

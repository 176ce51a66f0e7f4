-- A central queue may have several groups, each with its own position, failures and dead events. Which of them an event died in is
-- kept with it; null: in the group without a name, or central refused it, and none has got it.
alter table tributary.dead_event add column group_name text;
drop function if exists tributary.dead_list(jsonb, integer);
drop function if exists tributary.dead_show(bigint);

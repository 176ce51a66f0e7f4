-- lag_central tells more of the workers; a function cannot be replaced by one that returns other columns.

drop function if exists tributary.lag_central(text[], text);

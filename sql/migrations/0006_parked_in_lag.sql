-- Lag tells of queues whose handler does not load. The function has one column more than before, and is made again.

drop function if exists tributary.lag_central(text[], text);

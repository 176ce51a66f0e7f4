-- A worker that dies leaves word of the call that it died in: the function that takes that has one parameter more.

drop function if exists tributary.narrowing_open(text, text, bigint, bigint);

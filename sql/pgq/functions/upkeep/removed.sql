-- Functions that former versions had, and that nothing calls any more.
drop function if exists pgq._trigger_change(text, text, text, text, oid, text[], anyelement, anyelement);
drop function if exists pgq._primary_key(oid);
drop function if exists pgq._row_texts(text[], oid[], boolean, anyelement);
drop function if exists pgq._event_type(text, text, text, text, text[]);
drop function if exists pgq._truncate_data(text);
drop function if exists pgq._event_data(text, text, text[], oid[], text[], text[], text[], text[]);
drop function if exists pgq._sql_changes(text[], text[], text[], text[], text[]);
drop function if exists pgq._ticker_lock();

-- ----------------------------------------------------------------------
-- Function: tributary.publish(3)
--
--      Publishes messages on channels, in the order of the arrays, which are of one length: readers get them when the transaction
--      has committed, and never else. Who publishes notifies `tributary_published` behind the commit; a reader that is not
--      notified finds them a little later. What browsers could not read is refused.
--
-- Parameters:
--      x_channels  - channels
--      x_types     - what browsers listen for; null: `message`
--      x_data      - JSON texts
--
-- Returns:
--      nothing
--
-- Writes:
--      tributary.published_0, tributary.published_1
--
-- Called by:
--      src/channels/publish.ts
-- ----------------------------------------------------------------------
create or replace function tributary.publish(x_channels text[], x_types text[], x_data text[])
returns void as $$
begin
    if cardinality(x_channels) is distinct from cardinality(x_types) or cardinality(x_channels) is distinct from cardinality(x_data) then
        raise exception 'tributary.publish takes three arrays of one length'
            using errcode = 'invalid_parameter_value';
    end if;
    -- An empty name, a line break: both would break the stream of everybody who listens. What is no JSON says so itself.
    if exists (select 1 from unnest(x_channels, x_types, x_data) u (channel, type, data)
               where coalesce(u.channel, '') = '' or u.channel ~ '[[:cntrl:]]'
                  or u.type = '' or u.type ~ '[[:cntrl:]]' or coalesce(u.data, '') = '' or u.data::json is null) then
        raise exception 'tributary.publish takes channels and types of one line, of which a type may be null, and JSON'
            using errcode = 'invalid_parameter_value';
    end if;
    -- Two statements, so that the plan of each is kept. The numbers are taken in the order of the arrays.
    if (select t.current from tributary.published_table t) = 0 then
        insert into tributary.published_0 (channel, type, data)
        select u.channel, u.type, u.data
        from unnest(x_channels, x_types, x_data) with ordinality u (channel, type, data, place)
        order by u.place;
    else
        insert into tributary.published_1 (channel, type, data)
        select u.channel, u.type, u.data
        from unnest(x_channels, x_types, x_data) with ordinality u (channel, type, data, place)
        order by u.place;
    end if;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;

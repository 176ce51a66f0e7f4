-- ----------------------------------------------------------------------
-- Function: tributary.coop_member_name(2)
--
--      The name of a group's member in pgq.consumer: group, dot, member. A dot inside the member's name is written %2E
--      (and % as %25), so that the last dot always parts the two and no two members have the same name.
--
-- Parameters:
--      group_name  - group
--      member      - member
--
-- Returns:
--      the consumer's name
--
-- Writes:
--      none
--
-- Called by:
--      tributary.coop_register, tributary.coop_next_batch, tributary.coop_unregister
-- ----------------------------------------------------------------------
create or replace function tributary.coop_member_name(group_name text, member text)
returns text
language sql immutable strict parallel safe
as $$
    select group_name || '.' || replace(replace(member, '%', '%25'), '.', '%2E')
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.coop_member_of(2)
--
--      The inverse of coop_member_name.
--
-- Parameters:
--      group_name      - group
--      consumer_name   - name in pgq.consumer
--
-- Returns:
--      the member's name
--
-- Writes:
--      none
--
-- Called by:
--      tributary.coop_next_batch
-- ----------------------------------------------------------------------
create or replace function tributary.coop_member_of(group_name text, consumer_name text)
returns text
language sql immutable strict parallel safe
as $$
    select replace(replace(substr(consumer_name, length(group_name) + 2), '%2E', '.'), '%25', '%')
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.move_shard(4)
--
--      Notes that a shard is another database from now on, with the same data. Movers that still know the one before are refused:
--      what they have under way by the positions, what they would read by the note.
--
-- Parameters:
--      x_shard         - name of the shard
--      x_from          - identity of the database that it was, as it was looked at; null: none was noted
--      x_to            - identity of the database that it is; null: the server does not tell
--      x_positions     - as for seal_positions
--
-- Returns:
--      nothing; raises TB010 where a source was moved on meanwhile, or another command was faster
--
-- Writes:
--      tributary.shard, tributary.position_0, tributary.position_1
--
-- Called by:
--      src/central/succession/move-shard.ts
-- ----------------------------------------------------------------------
create or replace function tributary.move_shard(x_shard text, x_from text, x_to text, x_positions jsonb)
returns void as $$
begin
    lock table tributary.position_table in row exclusive mode;
    lock table tributary.source_turn in exclusive mode;
    insert into tributary.shard (name) values (x_shard) on conflict (name) do nothing;
    update tributary.shard s
    set database = x_to, noted_at = clock_timestamp(), moved_at = clock_timestamp(),
        left_databases = case when x_from is null or x_from = x_to then array_remove(s.left_databases, x_to)
            else array_remove(array_remove(s.left_databases, x_to), x_from) || x_from end
    where s.name = x_shard and s.database is not distinct from x_from;
    if not found then
        raise exception using errcode = 'TB010', message = format('shard %s was noted for another database meanwhile', x_shard);
    end if;
    perform tributary.seal_positions(x_positions);
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;

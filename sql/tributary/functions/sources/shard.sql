-- ----------------------------------------------------------------------
-- Function: tributary.meet_shard(2)
--
--      Whether a database is the shard that the file takes it for.
--
-- Parameters:
--      x_shard     - name of the shard, by the file
--      x_database  - identity of the database, see src/shards/identity.ts
--
-- Returns:
--      one row
--      known_as    - another shard with sources that is this database; null: none is
--      noted       - what was noted of the shard of that name; null: nothing
--      has_left    - the shard was moved away from this database
--
-- Writes:
--      none
--
-- Called by:
--      src/central/known-shards.ts
-- ----------------------------------------------------------------------
create or replace function tributary.meet_shard(x_shard text, x_database text)
returns table (known_as text, noted text, has_left boolean) as $$
    select case when own.database is distinct from x_database then (
            select min(o.name) from tributary.shard o
            where o.database = x_database and o.name <> x_shard
              and exists (select from tributary.source s where s.shard = o.name and s.state <> 'retired')) end,
        own.database, coalesce(x_database = any (own.left_databases), false)
    from (select 1) one
    left join tributary.shard own on own.name = x_shard
$$ language sql stable set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.note_shard(2)
--
--      Notes which database a shard is, where it has sources.
--
-- Parameters:
--      x_shard     - name of the shard
--      x_database  - identity of the database
--
-- Returns:
--      true where that is another one than was noted
--
-- Writes:
--      tributary.shard
--
-- Called by:
--      src/central/known-shards.ts
-- ----------------------------------------------------------------------
create or replace function tributary.note_shard(x_shard text, x_database text)
returns boolean as $$
begin
    insert into tributary.shard as s (name, database, noted_at)
    select x_shard, x_database, now()
    where exists (select from tributary.source o where o.shard = x_shard and o.state <> 'retired')
    on conflict (name) do update set database = excluded.database, noted_at = excluded.noted_at
    where s.database is distinct from excluded.database;
    return found;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;

-- ----------------------------------------------------------------------
-- Function: tributary.rename_shard(2)
--
--      Gives a shard another name, with all its sources and their positions: no event is moved again. Origins that are in
--      central keep the old name; events that are moved from now on get the new one. Sources of the new name that were let
--      go are deleted; the name of a database that was retired is refused for another one.
--
-- Parameters:
--      x_old       - its name until now
--      x_new       - its name from now on
--
-- Returns:
--      number of sources; raises where the old name is not known, or the new one is in use
--
-- Writes:
--      tributary.source, tributary.shard, tributary.term, tributary.position_0, tributary.position_1
--
-- Called by:
--      src/central/known-shards.ts
-- ----------------------------------------------------------------------
create or replace function tributary.rename_shard(x_old text, x_new text)
returns integer as $$
declare
    v_renamed   integer;
begin
    -- Takes turns with installs, and with rotations of the positions.
    lock table tributary.position_table in row exclusive mode;
    lock table tributary.source_turn in exclusive mode;
    if not exists (select from tributary.source s where s.shard = x_old and s.state <> 'retired') then
        raise exception using errcode = 'undefined_object', message = format('central knows no shard %s', x_old);
    end if;
    if exists (select from tributary.source s where s.shard = x_new and s.state <> 'retired') then
        raise exception using errcode = 'duplicate_object', message = format('there is a shard %s already', x_new);
    end if;
    if exists (select from tributary.retired_source r where r.shard = x_new
            and r.database is distinct from (select o.database from tributary.shard o where o.name = x_old)) then
        raise exception using errcode = 'duplicate_object',
            message = format('%s is the name of a shard that was retired, and its origins are in central for ever', x_new);
    end if;
    delete from tributary.position p using tributary.source s where s.shard = x_new and p.source = s.id;
    delete from tributary.source s where s.shard = x_new;
    delete from tributary.shard s where s.name = x_new;
    update tributary.source s set shard = x_new where s.shard = x_old;
    get diagnostics v_renamed = row_count;
    insert into tributary.shard as n (name, database, noted_at, former_names, left_databases, moved_at)
    select x_new, o.database, o.noted_at, coalesce(o.former_names, '{}') || x_old, coalesce(o.left_databases, '{}'), o.moved_at
    from (select 1) one
    left join tributary.shard o on o.name = x_old;
    delete from tributary.shard s where s.name = x_old;
    -- A mover that holds the lease lets go when it finds no source under that name; nothing has to wait for it.
    delete from tributary.term t where t.resource = 'shard:' || x_old and t.holder is null;
    return v_renamed;
end;
$$ language plpgsql set search_path = pg_catalog, pg_temp;

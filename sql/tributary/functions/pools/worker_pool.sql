-- ----------------------------------------------------------------------
-- Function: tributary.worker_pool_set(3)
--
--      Overrides how many workers a central queue shall have, until the number in the file changes or it is reset.
--
-- Parameters:
--      queue   - central queue
--      n       - how many; 0 parks it
--      by      - who sets it, for people
--
-- Returns:
--      how many are wanted now
--
-- Writes:
--      tributary.worker_pool
--
-- Called by:
--      src/coordination/worker-pool.ts
-- ----------------------------------------------------------------------
create or replace function tributary.worker_pool_set(queue text, n integer, by text)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    update tributary.worker_pool set wanted = n, set_by = coalesce(by, ''), set_at = now() where central_queue = queue;
    if not found then
        raise exception using errcode = 'undefined_object', message = format(
            'Queue %s has no workers: give it `workers:` in the file and run `tributary install`.', coalesce(queue, 'NULL'));
    end if;
    perform pg_notify('tributary_workers', queue);
    return n;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.worker_pool_reset(1)
--
--      Takes an override back: the file's number counts again.
--
-- Parameters:
--      queue   - central queue
--
-- Returns:
--      how many are wanted now
--
-- Writes:
--      tributary.worker_pool
--
-- Called by:
--      src/coordination/worker-pool.ts
-- ----------------------------------------------------------------------
create or replace function tributary.worker_pool_reset(queue text)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_wanted    integer;
begin
    update tributary.worker_pool set wanted = file_wanted, set_by = null, set_at = now() where central_queue = queue
    returning wanted into v_wanted;
    if not found then
        raise exception using errcode = 'undefined_object', message = format(
            'Queue %s has no workers: give it `workers:` in the file and run `tributary install`.', coalesce(queue, 'NULL'));
    end if;
    perform pg_notify('tributary_workers', queue);
    return v_wanted;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.worker_pool_sync(2)
--
--      Stores the number in the file that is being installed. If it differs from the one before, it replaces an override; else
--      the override stays. Hosts that start do not call it: one with an old file would change the numbers of all.
--
-- Parameters:
--      queue       - central queue
--      file_wanted - the number; null: forward only, the pool goes
--
-- Returns:
--      how many are wanted now, null where there is no pool
--
-- Writes:
--      tributary.worker_pool
--
-- Called by:
--      src/install/plan/central-plan.ts
-- ----------------------------------------------------------------------
create or replace function tributary.worker_pool_sync(queue text, file_wanted integer)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if worker_pool_sync.file_wanted is null then
        delete from tributary.worker_pool where central_queue = queue;
    else
        insert into tributary.worker_pool as p (central_queue, wanted, file_wanted)
        values (queue, worker_pool_sync.file_wanted, worker_pool_sync.file_wanted)
        on conflict (central_queue) do update
            set wanted = excluded.file_wanted, file_wanted = excluded.file_wanted, set_by = null, set_at = now()
            where p.file_wanted <> excluded.file_wanted;
    end if;
    if found then
        perform pg_notify('tributary_workers', queue);
    end if;
    return (select p.wanted from tributary.worker_pool p where p.central_queue = queue);
end;
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.worker_pool_renew(1)
--
--      Asks all hosts to replace the workers of a central queue by new processes, one slot at a time.
--
-- Parameters:
--      queue   - central queue
--
-- Returns:
--      the generation of the new processes, null where there is no pool
--
-- Writes:
--      tributary.worker_pool
--
-- Called by:
--      src/coordination/worker-pool.ts
-- ----------------------------------------------------------------------
create or replace function tributary.worker_pool_renew(queue text)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_generation    integer;
begin
    update tributary.worker_pool set generation = generation + 1, renewed_at = now() where central_queue = queue
    returning generation into v_generation;
    perform pg_notify('tributary_workers', queue);
    return v_generation;
end;
$$;

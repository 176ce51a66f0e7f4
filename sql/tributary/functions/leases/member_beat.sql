-- ----------------------------------------------------------------------
-- Function: tributary.member_beat(9)
--
--      A member's beat, and what it needs to know right behind it: how the leases stand, whether files are to be read again, and,
--      for a host of workers, how many of them are wanted.
--      One message and one commit a second for each member, however much of it is asked.
--
-- Parameters:
--      member, kind, host, details, ttl, wanted, release, max_new
--                  - of the beat, see tributary.lease_beat
--      resources   - the standings of these, and of those that it holds after the beat
--
-- Returns:
--      held        - [{resource, epoch, taken, previous_backend_pid, previous_backend_start, previous_holder}], see tributary.lease_beat
--      members, leases
--                  - see tributary.lease_standings
--      asked       - number of the newest request to read files again; null: there was none
--      pools       - [{central_queue, wanted, file_wanted, set_by, generation}] for kind work; null for others
--      now_ms      - by this server's clock, since 1970
--
-- Writes:
--      what tributary.lease_beat does
--
-- Called by:
--      src/coordination/lease-queries.ts
-- ----------------------------------------------------------------------
create or replace function tributary.member_beat(
    member uuid, kind text, host text, details jsonb, ttl interval, wanted text[], release text[], max_new integer, resources text[],
    out held jsonb, out members jsonb, out leases jsonb, out asked bigint, out pools jsonb, out now_ms double precision)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_names     text[];
begin
    select coalesce(jsonb_agg(jsonb_build_object('resource', b.resource, 'epoch', b.epoch, 'taken', b.taken,
            'previous_backend_pid', b.previous_backend_pid, 'previous_backend_start', b.previous_backend_start::text,
            'previous_holder', b.previous_holder)), '[]'),
        array_agg(b.resource)
    into held, v_names
    from tributary.lease_beat(member_beat.member, member_beat.kind, member_beat.host, member_beat.details, member_beat.ttl,
        member_beat.wanted, member_beat.release, member_beat.max_new) b;
    select s.members, s.leases into members, leases
    from tributary.lease_standings(member_beat.kind, member_beat.resources || v_names) s;
    select max(r.n) into asked from tributary.file_request r;
    if member_beat.kind = 'work' then
        select jsonb_agg(jsonb_build_object('central_queue', p.central_queue, 'wanted', p.wanted, 'file_wanted', p.file_wanted,
                'set_by', p.set_by, 'generation', p.generation) order by p.central_queue)
        into pools
        from tributary.worker_pool p;
    end if;
    now_ms := extract(epoch from clock_timestamp()) * 1000;
end;
$$;

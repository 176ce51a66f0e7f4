// Central without leases: every mover is granted what it asks for. Exactly once depends on positions alone; leases only keep
// two movers from doing the same work. This lets tests run movers that overlap, and start the next one without waiting.
import type { TestDatabase } from '../server/database.ts';

/** To be called after install, which creates the real functions. */
export async function grantEverybodyEverything(central: TestDatabase): Promise<void> {
  const connection = await central.connect();
  await connection.script(`
    create table tributary.granted (member uuid, resource text, primary key (member, resource));
    create or replace function tributary.lease_beat(
        member uuid, kind text, host text, details jsonb, ttl interval, wanted text[], release text[], max_new integer)
    returns table (resource text, epoch bigint, until timestamptz, taken boolean,
        previous_backend_pid integer, previous_backend_start timestamptz, previous_holder uuid)
    language plpgsql as $$
    #variable_conflict use_column
    begin
        perform set_config('tributary.me', jsonb_build_object('id', lease_beat.member, 'host', lease_beat.host,
            'silent_ms', -1, 'serves', null)::text, false);
        delete from tributary.granted g where g.member = lease_beat.member and g.resource = any (release);
        return query
            with given as (
                insert into tributary.granted as g select lease_beat.member, w from unnest(wanted) w
                on conflict do nothing returning g.resource)
            select g.resource, 1::bigint, clock_timestamp() + ttl, false, null::integer, null::timestamptz, null::uuid
            from tributary.granted g where g.member = lease_beat.member
            union all
            select g.resource, 1, clock_timestamp() + ttl, true, null, null, null from given g;
    end $$;
    create or replace function tributary.lease_standings(kind text, resources text[], out members jsonb, out leases jsonb)
    language sql stable as $$
        select jsonb_build_array(current_setting('tributary.me')::jsonb), '[]'::jsonb
    $$;
    create or replace function tributary.lease_leave(member uuid) returns integer language sql as $$
        with gone as (delete from tributary.granted g where g.member = lease_leave.member returning 1)
        select count(*)::integer from gone
    $$;`);
  await connection.close();
}

-- ----------------------------------------------------------------------
-- Function: tributary.lease_beat(8)
--
--      A member's beat, once a second: renews all its leases by one update of its own row, lets some go, takes others.
--
--      A resource that was never held or was let go is taken at once. One whose holder is silent is taken only by a member
--      whose own beats were unbroken for one full ttl: if central stalls, all beats break, and no member expires.
--      The server's clock decides. A member that comes back after its time gets what no other took, as new terms.
--
-- Parameters:
--      member      - random id of the process
--      kind        - mover or work
--      host        - machine
--      details     - pid, version, file_hash are kept in columns; all of it is stored
--      ttl         - how long the leases last without a beat
--      wanted      - resources to take, the most wanted first
--      release     - resources to let go
--      max_new     - most resources that this call may take
--
-- Returns:
--      one row per lease held now
--      resource, epoch, until
--      taken                   - this call began the term
--      previous_backend_pid, previous_backend_start, previous_holder
--                              - of the silent holder whose term ended by this call; null where it was free
--
-- Writes:
--      tributary.member, tributary.term, tributary.past_term, tributary.logbook
--
-- Called by:
--      tributary.member_beat
-- ----------------------------------------------------------------------
create or replace function tributary.lease_beat(
    member uuid, kind text, host text, details jsonb, ttl interval, wanted text[], release text[], max_new integer)
returns table (resource text, epoch bigint, until timestamptz, taken boolean,
    previous_backend_pid integer, previous_backend_start timestamptz, previous_holder uuid)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_id        uuid := member;
    v_ttl       interval := ttl;
    v_now       timestamptz;
    v_me        tributary.member;
    v_since     timestamptz;
    v_lapsed    boolean := false;
    v_backend   timestamptz := (select a.backend_start from pg_stat_get_activity(pg_backend_pid()) a);
    v_row       record;
    -- What this call took, and the former holders.
    v_taken     text[] := '{}';
    v_pids      integer[] := '{}';
    v_starts    timestamptz[] := '{}';
    v_holders   uuid[] := '{}';
    v_before    record;
begin
    -- A member that takes leases of ours holds this lock: after it we see what it took.
    select * into v_me from tributary.member m where m.id = v_id for update;
    v_now := clock_timestamp();
    if v_me.id is null then
        v_since := v_now;
        select m.version, m.file_hash into v_before
        from tributary.member m where m.host = lease_beat.host and m.kind = lease_beat.kind order by m.seen_at desc limit 1;
        if found and (v_before.version is distinct from details ->> 'version'
                or v_before.file_hash is distinct from details ->> 'file_hash') then
            perform tributary.log_note(null, 'program', 'deploy', null, format('%s of host %s: %s.',
                case lease_beat.kind when 'mover' then 'The mover' else 'Workers' end, lease_beat.host,
                case when v_before.version is distinct from details ->> 'version'
                    then format('version %s after %s', details ->> 'version', v_before.version)
                    else 'another file' end));
        end if;
        delete from tributary.member m
        where m.until < v_now - interval '1 day' and not exists (select from tributary.term t where t.holder = m.id);
        insert into tributary.member (id, kind, host, started_at, seen_at, ttl, until, unbroken_since, backend_pid, backend_start)
        values (v_id, lease_beat.kind, lease_beat.host, v_now, v_now, v_ttl, v_now + v_ttl, v_now, pg_backend_pid(), v_backend);
    else
        v_lapsed := v_me.until < v_now;
        v_since := case
            when v_now - v_me.seen_at between interval '0' and v_ttl / 2 and v_me.unbroken_since <= v_now then v_me.unbroken_since
            else v_now end;
    end if;
    update tributary.member m
    set host = lease_beat.host, pid = (lease_beat.details ->> 'pid')::integer,
        version = lease_beat.details ->> 'version', file_hash = lease_beat.details ->> 'file_hash', details = coalesce(lease_beat.details, '{}'), seen_at = v_now, ttl = v_ttl,
        until = v_now + v_ttl, unbroken_since = v_since, beats = m.beats + 1,
        backend_pid = pg_backend_pid(), backend_start = v_backend
    where m.id = v_id;

    if cardinality(release) > 0 then
        perform tributary.term_ended(v_id, lease_beat.release, v_now, true);
        update tributary.term t set holder = null, freed_at = v_now
        where t.holder = v_id and t.resource = any (lease_beat.release);
    end if;
    if v_lapsed then
        perform tributary.term_ended(v_id, array(select t.resource from tributary.term t where t.holder = v_id), v_me.seen_at, false);
        for v_row in
            update tributary.term t set epoch = t.epoch + 1, taken_at = v_now where t.holder = v_id returning t.resource
        loop
            v_taken := v_taken || v_row.resource;
            v_pids := v_pids || nullif(v_me.backend_pid, pg_backend_pid());
            v_starts := v_starts || v_me.backend_start;
            v_holders := v_holders || v_id;
        end loop;
    end if;

    if cardinality(wanted) > 0 and max_new > 0
       and exists (select from tributary.lease_candidates(v_id, wanted, v_since <= v_now - v_ttl)) then
        -- Members take leases one after the other, for milliseconds: no deadlocks, and each sees what the last one took.
        lock table tributary.lease_turn in exclusive mode;
        for v_row in
            select c.* from tributary.lease_candidates(v_id, wanted, v_since <= v_now - v_ttl) c
            where not c.resource = any (coalesce(lease_beat.release, '{}'))
            order by c.n
        loop
            exit when max_new <= 0;
            if v_row.holder is not null then
                -- The holder's beat may arrive at this moment: then the row is locked, or renewed.
                perform 1 from tributary.member m where m.id = v_row.holder for update skip locked;
                if not found and exists (select from tributary.member m where m.id = v_row.holder) then
                    continue;
                end if;
                perform 1 from tributary.lease l where l.resource = v_row.resource and l.is_held and l.holder = v_row.holder;
                continue when found;
                perform tributary.term_ended(v_row.holder, array[v_row.resource], null, false);
            end if;
            insert into tributary.term as t (resource, holder, epoch, taken_at)
            values (v_row.resource, v_id, 1, v_now)
            on conflict (resource) do update
                set holder = v_id, epoch = t.epoch + 1, taken_at = v_now, freed_at = null
                where t.holder is not distinct from v_row.holder and t.epoch = v_row.epoch;
            if found then
                max_new := max_new - 1;
                v_taken := v_taken || v_row.resource;
                v_pids := v_pids || v_row.backend_pid;
                v_starts := v_starts || v_row.backend_start;
                v_holders := v_holders || v_row.holder;
            end if;
        end loop;
    end if;
    -- From members that are silent; what was free belonged to nobody.
    if cardinality(array_remove(array_remove(v_holders, null), v_id)) > 0 then
        select count(*) as number, min(r.resource) as first, string_agg(distinct m.host, ', ') as hosts into v_before
        from unnest(v_taken, v_holders) r (resource, holder)
        left join tributary.member m on m.id = r.holder
        where r.holder <> v_id;
        perform tributary.log_note(null, 'program', 'take-over', null, format('%s took over %s from a process of %s that was silent.',
            lease_beat.host, case when v_before.number = 1 then v_before.first else v_before.number || ' leases' end,
            coalesce(v_before.hosts, 'another host')));
    end if;

    return query
    select t.resource, t.epoch, v_now + v_ttl, p.n is not null, v_pids[p.n], v_starts[p.n], v_holders[p.n]
    from tributary.term t
    left join unnest(v_taken) with ordinality p (resource, n) on p.resource = t.resource
    where t.holder = v_id
    order by t.resource;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.lease_candidates(3)
--
--      Those of the resources wanted by a member that it may take now.
--
-- Parameters:
--      member      - id of the member
--      wanted      - resources, the most wanted first
--      may_adopt   - its beats were unbroken for long enough to judge others
--
-- Returns:
--      resource, n (its rank), and the silent holder whose term would end: holder, epoch, backend_pid, backend_start
--
-- Writes:
--      none
--
-- Called by:
--      tributary.lease_beat
-- ----------------------------------------------------------------------
create or replace function tributary.lease_candidates(member uuid, wanted text[], may_adopt boolean,
    out resource text, out n bigint, out holder uuid, out epoch bigint, out backend_pid integer, out backend_start timestamptz)
returns setof record
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select w.resource, w.n, t.holder, t.epoch, m.backend_pid, m.backend_start
    from unnest(wanted) with ordinality w (resource, n)
    left join tributary.term t on t.resource = w.resource
    left join tributary.member m on m.id = t.holder
    where t.holder is null
        or may_adopt and t.holder <> member
            -- `until` cannot be further ahead than the ttl, unless the clock was set back: a living holder corrects that with its next beat.
            and (m.id is null or m.until < clock_timestamp() or m.until > clock_timestamp() + m.ttl)
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.lease_leave(1)
--
--      Ends a member: lets go of all its leases. Its row stays for a day, so that others see how long its host has had none.
--
-- Parameters:
--      member  - id
--
-- Returns:
--      how many leases it held
--
-- Writes:
--      tributary.member, tributary.term, tributary.past_term
--
-- Called by:
--      src/coordination/lease-queries.ts
-- ----------------------------------------------------------------------
create or replace function tributary.lease_leave(member uuid)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_count integer;
begin
    perform tributary.term_ended(lease_leave.member, array(select t.resource from tributary.term t where t.holder = lease_leave.member),
        clock_timestamp(), true);
    update tributary.member m set until = clock_timestamp(), unbroken_since = clock_timestamp() where m.id = lease_leave.member;
    update tributary.term t set holder = null, freed_at = clock_timestamp() where t.holder = lease_leave.member;
    get diagnostics v_count = row_count;
    return v_count;
end;
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.lease_standings(2)
--
--      What a member needs to compute its share: the members, and the leases that they hold.
--
-- Parameters:
--      kind        - members of this kind
--      resources   - leases of these
--
-- Returns:
--      members     - [{id, host, silent_ms (below 0: alive), serves, puts_off}], those of the last day
--      leases      - [{resource, holder}], held ones only
--
-- Writes:
--      none
--
-- Called by:
--      tributary.member_beat
-- ----------------------------------------------------------------------
create or replace function tributary.lease_standings(kind text, resources text[], out members jsonb, out leases jsonb)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select
        (select coalesce(jsonb_agg(jsonb_build_object('id', m.id, 'host', m.host, 'serves', m.details -> 'serves',
                'puts_off', m.details -> 'puts_off',
                'silent_ms', round(extract(epoch from clock_timestamp() - least(m.until, clock_timestamp() + m.ttl)) * 1000))
                order by m.id), '[]')
            from tributary.member m where m.kind = lease_standings.kind),
        (select coalesce(jsonb_agg(jsonb_build_object('resource', l.resource, 'holder', l.holder) order by l.resource), '[]')
            from tributary.lease l where l.resource = any (resources) and l.is_held)
$$;

-- ----------------------------------------------------------------------
-- Function: tributary.term_ended(4)
--
--      Keeps that a member's terms of shards end, before they do; only the last 20 of each shard.
--
-- Parameters:
--      x_holder        - id of the member
--      x_resources     - of its leases those that end; those that it does not hold are passed over
--      x_at            - when they end; null: when it was last seen
--      x_was_let_go    - false: it was silent
--
-- Returns:
--      nothing
--
-- Writes:
--      tributary.past_term
--
-- Called by:
--      tributary.lease_beat, tributary.lease_leave
-- ----------------------------------------------------------------------
create or replace function tributary.term_ended(x_holder uuid, x_resources text[], x_at timestamptz, x_was_let_go boolean)
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
    insert into tributary.past_term (resource, epoch, host, pid, taken_at, ended_at, was_let_go)
    select t.resource, t.epoch, m.host, m.pid, t.taken_at, coalesce(x_at, m.seen_at, clock_timestamp()), x_was_let_go
    from tributary.term t
    left join tributary.member m on m.id = t.holder
    where t.holder = x_holder and t.resource = any (x_resources) and t.resource like 'shard:%'
    on conflict do nothing;
    delete from tributary.past_term p
    using tributary.term t
    where t.resource = any (x_resources) and p.resource = t.resource and p.epoch <= t.epoch - 20;
$$;

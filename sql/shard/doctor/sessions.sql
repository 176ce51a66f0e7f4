-- What holds back snapshots, rows and locks on a server, and how many connections are left, for doctor; reads views only. What
-- other roles do is seen by members of pg_read_all_stats: sees_all tells. Of each kind the oldest few, in whatever database they
-- are; only lockers, those that keep others from writing to PgQ's tables or ours, are those of this database, for elsewhere
-- tables have no names: locked_in says in which databases there may be any.
-- :seconds is the age from which a transaction counts, :wait_seconds that from which waiting for a lock does.
with strong as materialized (
    select l.relation, a.*
    from pg_locks l
    join pg_stat_activity a on a.pid = l.pid
    where l.locktype = 'relation' and l.granted
        and l.mode in ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
        and a.xact_start < clock_timestamp() - make_interval(secs => :wait_seconds)
)
select pg_has_role(current_user, 'pg_read_all_stats', 'usage') as sees_all, current_user as role,
    coalesce(host(inet_server_addr()) in ('127.0.0.1', '::1'), true) as is_local,
    case when pg_has_role(current_user, 'pg_read_all_settings', 'usage') then current_setting('data_directory') end as directory,
    (select count(*) from pg_stat_activity a where coalesce(a.backend_type, 'client backend') = 'client backend') as used,
    current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
        - coalesce(nullif(current_setting('reserved_connections', true), '')::integer, 0) as usable,
    (select jsonb_agg(to_jsonb(h) order by h."ageSeconds" desc) from (
        select a.pid, a.usename as "user", a.application_name as application, host(a.client_addr) as client,
            a.datname as database, a.state, a.backend_xid is not null as writes,
            extract(epoch from clock_timestamp() - a.xact_start)::float8 as "ageSeconds",
            extract(epoch from clock_timestamp() - a.query_start)::float8 as "queryAgeSeconds", left(a.query, 200) as query
        from pg_stat_activity a
        where a.xact_start < clock_timestamp() - make_interval(secs => :seconds) and a.pid <> pg_backend_pid()
            and a.backend_type = 'client backend' and (a.backend_xid is not null or a.backend_xmin is not null)
        order by a.xact_start limit 10) h) as holders,
    (select jsonb_agg(to_jsonb(p) order by p."ageSeconds" desc) from (
        select x.gid, x.owner, x.database, extract(epoch from clock_timestamp() - x.prepared)::float8 as "ageSeconds"
        from pg_prepared_xacts x
        where x.prepared < clock_timestamp() - make_interval(secs => :seconds)
        order by x.prepared limit 10) p) as prepared,
    (select jsonb_agg(to_jsonb(s)) from (
        select r.slot_name as name, r.slot_type as type, r.active as "isActive", r.database,
            greatest(age(r.xmin), age(r.catalog_xmin)) as transactions,
            case when not pg_is_in_recovery() then pg_wal_lsn_diff(pg_current_wal_lsn(), r.restart_lsn) end::float8 as "walBytes"
        from pg_replication_slots r
        order by age(r.xmin) desc nulls last, r.restart_lsn limit 10) s) as slots,
    (select jsonb_agg(to_jsonb(r)) from (
        select w.pid, w.application_name as application, host(w.client_addr) as client, age(w.backend_xmin) as transactions
        from pg_stat_replication w
        where w.backend_xmin is not null
        order by age(w.backend_xmin) desc limit 10) r) as standbys,
    (select jsonb_agg(distinct s.datname) from strong s) as locked_in,
    (select jsonb_agg(to_jsonb(k)) from (
        select distinct on (s.pid) s.pid, s.usename as "user", s.application_name as application, host(s.client_addr) as client,
            s.datname as database, s.state, true as writes,
            extract(epoch from clock_timestamp() - s.xact_start)::float8 as "ageSeconds",
            extract(epoch from clock_timestamp() - s.query_start)::float8 as "queryAgeSeconds", left(s.query, 200) as query,
            s.relation::regclass::text as relation
        from strong s
        where s.datname = current_database()
            and exists (select from pg_class c where c.oid = s.relation
                and c.relnamespace in (to_regnamespace('pgq'), to_regnamespace('pgque'), to_regnamespace('tributary')))
        order by s.pid, s.relation limit 10) k) as lockers,
    (select jsonb_agg(to_jsonb(b)) from (
        select w.pid, w.application_name as application, w.datname as database,
            extract(epoch from clock_timestamp() - w.query_start)::float8 as "ageSeconds",
            (select to_jsonb(o) from (
                select a.pid, a.usename as "user", a.application_name as application, host(a.client_addr) as client,
                    a.datname as database, a.state, true as writes,
                    extract(epoch from clock_timestamp() - a.xact_start)::float8 as "ageSeconds",
                    extract(epoch from clock_timestamp() - a.query_start)::float8 as "queryAgeSeconds", left(a.query, 200) as query
                from pg_stat_activity a
                where a.pid = any (pg_blocking_pids(w.pid))
                order by a.xact_start limit 1) o) as by
        from pg_stat_activity w
        where w.wait_event_type = 'Lock' and starts_with(w.application_name, 'tributary ')
            and w.query_start < clock_timestamp() - make_interval(secs => :wait_seconds)
        order by w.query_start limit 10) b) as blocked

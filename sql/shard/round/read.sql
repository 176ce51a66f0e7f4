-- A round, last part, where asked: the events of small windows, which then need no COPY. It assumes that a window ends at the
-- newest tick; the mover compares both ticks with those that it chose, and reads by COPY where they differ.
-- :arms is a union of selects over the event tables, each with a condition on r.id, and what it reads of s, e and b; :ids are
-- the queues that it covers: others have no rows here. :xmax, :xip and :visible are the functions of its snapshots.
select r.k, s.tick_id as start_id, (extract(epoch from s.tick_time) * 1000000)::bigint as start_us,
    s.tick_snapshot::text as start_snapshot,
    e.tick_id as end_id, (extract(epoch from e.tick_time) * 1000000)::bigint as end_us, e.tick_snapshot::text as end_snapshot,
    d.count, d.fits, d.records
from jsonb_to_recordset(:request::jsonb) as r (k integer, id integer, tick_id bigint, read boolean)
join :schema.tick s on s.tick_queue = r.id and s.tick_id = r.tick_id
cross join lateral (
    select t.* from :schema.tick t where t.tick_queue = r.id order by t.tick_id desc limit 1) e
cross join lateral (
    -- The range begins with the oldest transaction that was open at the start and has ended since.
    select coalesce((select x from :xip(s.tick_snapshot) x where :visible(x, e.tick_snapshot) order by x limit 1),
        :xmax(s.tick_snapshot)) as low) b
cross join lateral (
    select count(*)::integer as count, bool_and(w.size <= :bytes) as fits,
        string_agg(case when w.size <= :bytes then record_send(row(r.k + w.taken, w.ev_id, :columns)) end, ''
            order by w.ev_id, w.ev_txid, w.table_id, w.row_id) as records
    from (select a.* from (:arms) a limit :rows + 1) w) d
where r.read and r.id in (:ids) and e.tick_id > s.tick_id and e.tick_event_seq - s.tick_event_seq <= :rows
  -- Transactions of other tables count too, so most ranges reach back a little; long ranges are left to COPY, which looks for old ids one by one.
  and :xmax(s.tick_snapshot)::text::bigint - b.low::text::bigint <= :nearby

-- Which server and database this is, as whom we are there, and its clock, for doctor. The column server tells servers apart, by
-- whatever names they are reached.
select extract(epoch from clock_timestamp()) * 1000 as now_ms,
    concat_ws(' ', pg_postmaster_start_time()::text, current_setting('port')) as server,
    current_database() as database, current_user as role

// Reads what central knows beyond a report of lag: our processes, events that died lately, schedules,
// its own sessions and rotation, and what movers saw of their shards.

import type { Config } from '../../config/config.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import type { Connection } from '../../postgres/connection.ts';
import { readStandings } from '../../schedules/standing.ts';
import { readShardReports } from '../../shards/reports.ts';
import type { CentralHealth, CopyStanding, RecentDead, RunningMember } from './facts.ts';
import { readDatabase } from './read-database.ts';

export async function readCentralHealth(connection: Connection, config: Config): Promise<CentralHealth> {
  const options = { timeoutMs: TIMING.doctor.centralMs };
  const queues = config.queues.map(({ name }) => name);
  const members = await connection.query<MemberRow>(MEMBERS, [], options);
  const dead = await connection.query<DeadRow>(DEAD, [queues, TIMING.doctor.deadSeconds], options);
  const database = await readDatabase(
    connection,
    { name: 'central', database: config.central, schema: 'pgq', queues },
    options,
  );
  const schedules = await readStandings(connection, config.schedules, options);
  const copies = config.queues.some(({ apply }) => apply !== undefined)
    ? await copiesOf(connection, config)
    : [];
  const reports = await readShardReports(connection, options.timeoutMs);
  return { members: members.map(memberOf), dead: dead.map(deadOf), database, schedules, copies, reports };
}

/** Not those of shards that the file does not name any more. */
async function copiesOf(
  connection: Connection,
  { name, queues, shards }: Pick<Config, 'name' | 'queues' | 'shards'>,
): Promise<CopyStanding[]> {
  const rows = await connection.query<CopyRow>(
    COPIES,
    [
      queues.filter(({ apply }) => apply !== undefined).map((queue) => queue.name),
      shards.map((shard) => shard.name),
      [`tributary copy ${name}`, `tributary compare ${name}`],
    ],
    { timeoutMs: TIMING.doctor.centralMs },
  );
  return rows.map(({ at_work, trouble, waits_for, now_ms, ...row }) => ({
    ...row,
    ...{ rows: Number(row.rows), nowMs: now_ms, isAtWork: at_work },
    ...{ trouble: trouble ?? undefined, waitsFor: waits_for ?? undefined },
  }));
}

/** Which command copies which table is not known: where one waits, it is the one. */
const COPIES = `
select c.central_queue as queue, c.applied, c.shard, c.source, c.state, c.rows, c.trouble, w.at_work, w.waits_for,
    extract(epoch from clock_timestamp() - c.moved_at)::float8 as seconds, extract(epoch from clock_timestamp())::float8 * 1000 as now_ms
from tributary.apply_copy c,
    (select count(*) > 0 as at_work, min(b.pid || coalesce(' (' || nullif(b.application_name, '') || ')', '')) as waits_for
     from pg_stat_activity a
     left join pg_stat_activity b on b.pid = any (pg_blocking_pids(a.pid))
     where a.datname = current_database() and a.application_name = any (select left(n, 63) from unnest($3::text[]) n)) w
where c.central_queue = any ($1) and c.shard = any ($2) and c.state in ('copying', 'repairing')
order by c.central_queue, c.shard, c.applied, c.source`;

interface CopyRow {
  queue: string;
  applied: string;
  shard: string;
  source: string;
  state: CopyStanding['state'];
  rows: number;
  trouble: string | null;
  at_work: boolean;
  waits_for: string | null;
  seconds: number;
  now_ms: number;
}

const MEMBERS = `
select m.host, m.kind, m.version, m.details -> 'memory' as memory, m.details -> 'commits' as commits, m.details -> 'clock' as clock
from tributary.member m
where m.until between clock_timestamp() and clock_timestamp() + m.ttl
order by m.host, m.kind`;

interface MemberRow {
  host: string;
  kind: RunningMember['kind'];
  version: string | null;
  memory: RunningMember['memory'] | null;
  commits: RunningMember['commits'] | null;
  clock: RunningMember['clock'] | null;
}

const memberOf = ({ host, kind, version, memory, commits, clock }: MemberRow): RunningMember => ({
  host,
  kind,
  version: version ?? undefined,
  memory: memory ?? undefined,
  commits: commits ?? {},
  clock: clock ?? undefined,
});

/** By the index of ages; counted up to 1,000. */
const DEAD = `
select q.queue, d.events, l.error, l.origin
from unnest($1::text[]) q (queue)
cross join lateral (
    select count(*)::integer as events from (
        select from tributary.dead_event d
        where d.central_queue = q.queue and coalesce(d.redriven_at, d.died_at) > now() - make_interval(secs => $2)
            and d.redriven_at is null
        limit 1000) counted) d
cross join lateral (
    select d.error, d.origin from tributary.dead_event d
    where d.central_queue = q.queue and coalesce(d.redriven_at, d.died_at) > now() - make_interval(secs => $2)
        and d.redriven_at is null
    order by coalesce(d.redriven_at, d.died_at) desc limit 1) l`;

interface DeadRow {
  queue: string;
  events: number;
  error: string;
  origin: string | null;
}

const deadOf = ({ origin, ...row }: DeadRow): RecentDead => ({ ...row, origin: origin ?? undefined });

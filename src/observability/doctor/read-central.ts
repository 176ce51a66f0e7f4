// Reads what central knows beyond a report of lag: our processes, events that died lately, schedules, its own sessions and rotation.
import type { Config, Schedule } from '../../config/config.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import type { Connection } from '../../postgres/connection.ts';
import { nextAfter } from '../../schedules/occurrences.ts';
import { listSchedules, type ScheduleFacts } from '../../schedules/stored.ts';
import type { CentralHealth, RecentDead, RunningMember, ScheduleStanding } from './facts.ts';
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
  const schedules = config.schedules.length === 0 ? [] : await schedulesOf(connection, config);
  return { members: members.map(memberOf), dead: dead.map(deadOf), database, schedules };
}

async function schedulesOf(
  connection: Connection,
  { schedules }: Pick<Config, 'schedules'>,
): Promise<ScheduleStanding[]> {
  const options = { timeoutMs: TIMING.doctor.centralMs };
  const names = schedules.map(({ name }) => name);
  const stored = new Map((await listSchedules(connection, names, options)).map((one) => [one.name, one]));
  const [clock] = await connection.query<{ ms: number }>(
    'select extract(epoch from clock_timestamp())::float8 * 1000 as ms',
    [],
    options,
  );
  return schedules.flatMap((schedule) => {
    const facts = stored.get(schedule.name);
    return facts === undefined ? [] : [standingOf(schedule, facts, clock?.ms ?? facts.decidedMs)];
  });
}

function standingOf(schedule: Schedule, facts: ScheduleFacts, nowMs: number): ScheduleStanding {
  const dueMs = nextAfter(schedule, facts.decidedMs) ?? Number.POSITIVE_INFINITY;
  const { name, queue } = schedule;
  return {
    ...{ name, queue },
    overdueSeconds: dueMs < nowMs ? (nowMs - dueMs) / 1_000 : undefined,
    paused:
      facts.pausedMs === null
        ? undefined
        : { by: facts.pausedBy ?? 'somebody', seconds: (nowMs - facts.pausedMs) / 1_000 },
  };
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

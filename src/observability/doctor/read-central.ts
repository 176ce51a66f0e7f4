// Reads what central knows beyond a report of lag: our processes, events that died lately, its own sessions and rotation.
import type { Config } from '../../config/config.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import type { Connection } from '../../postgres/connection.ts';
import type { CentralHealth, RecentDead, RunningMember } from './facts.ts';
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
  return { members: members.map(memberOf), dead: dead.map(deadOf), database };
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

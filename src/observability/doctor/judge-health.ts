// What central knows of our processes beyond lag: memory, commits, versions, events that die, schedules that do not go on; and
// clocks that differ. Pure.
import { sentenceAge } from '../../errors/age.ts';
import { counted } from '../../errors/words.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import type { ScheduleStanding } from '../../schedules/standing.ts';
import { copyDiagnoses } from '../judge-copies.ts';
import { fedBy, isLate, type SourceLag } from '../lag/report.ts';
import { diagnosis } from './causes.ts';
import type { Diagnosis } from './diagnosis.ts';
import type { CentralHealth, DatabaseHealth, RecentDead, RunningMember } from './facts.ts';
import { bytesText } from './judge-rotation.ts';

export function healthDiagnoses(
  { members, dead, schedules, copies }: Pick<CentralHealth, 'members' | 'dead' | 'schedules' | 'copies'>,
  sources: readonly SourceLag[],
): Diagnosis[] {
  return [
    ...members.flatMap((member) => memoryDiagnosis(member, sources)),
    ...commitDiagnoses(members, sources),
    ...versionDiagnosis(members),
    ...hostClockDiagnoses(members),
    ...dead.flatMap(deadDiagnosis),
    ...schedules.flatMap(scheduleDiagnosis),
    ...copyDiagnoses(copies),
  ];
}

const isBehind = ({ secondsBehind }: SourceLag): boolean => isLate(secondsBehind, TIMING.doctor.lateSeconds);

function memoryDiagnosis({ host, memory }: RunningMember, sources: readonly SourceLag[]): Diagnosis[] {
  if (memory === undefined || memory.waitingSeconds < TIMING.doctor.memorySeconds) return [];
  const own = sources.filter((source) => source.mover === host);
  // Its sources say so themselves.
  if (own.some(({ why }) => why?.cause === 'memory-budget')) return [];
  const late = own.filter(isBehind);
  return [
    diagnosis('memory-budget', [host], {
      of: 'host',
      severity: late.length > 0 ? 'broken' : 'risk',
      sentence: `The mover on ${host} has read as much as its memory holds, and shards have waited for room for ${sentenceAge(memory.waitingSeconds)}.`,
      evidence: [
        `${bytesText(memory.used)} of ${bytesText(memory.limit)} used`,
        ...(late.length === 0 ? [] : [`${counted(late.length, 'source')} late`]),
      ],
    }),
  ];
}

/** Fewer commits prove nothing. */
const LEAST_COMMITS = 3;

function commitDiagnoses(members: readonly RunningMember[], sources: readonly SourceLag[]): Diagnosis[] {
  const slow = members.flatMap(({ host, commits }) =>
    Object.entries(commits)
      .filter(([, { ms, count }]) => ms >= TIMING.doctor.slowCommitMs && count >= LEAST_COMMITS)
      .map(([queue, { ms, count }]) => ({ host, queue, ms, count })),
  );
  if (slow.length === 0) return [];
  const queues = [...new Set(slow.map(({ queue }) => queue))];
  const slowest = Math.max(...slow.map(({ ms }) => ms));
  const late = sources.filter(
    (source) => fedBy(source).some((queue) => queues.includes(queue)) && isBehind(source),
  );
  return [
    diagnosis('central-slow', queues, {
      severity: late.length > 0 ? 'broken' : 'risk',
      sentence: `Central is slow: a commit into ${queues.join(', ')} takes ${Math.round(slowest / 100) / 10} s.`,
      evidence: [
        ...slow
          .slice(0, 3)
          .map(
            ({ host, queue, ms, count }) =>
              `${queue} from ${host}: median of ${counted(count, 'commit')} ${ms} ms`,
          ),
        ...(late.length === 0 ? [] : [`${counted(late.length, 'source')} late`]),
      ],
    }),
  ];
}

function versionDiagnosis(members: readonly RunningMember[]): Diagnosis[] {
  const byVersion = new Map<string, Set<string>>();
  for (const { version, host } of members) {
    if (version === undefined) continue;
    byVersion.set(version, (byVersion.get(version) ?? new Set()).add(host));
  }
  if (byVersion.size < 2) return [];
  const groups = [...byVersion].sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }));
  const hosts = new Set(members.map(({ host }) => host));
  return [
    diagnosis('versions-differ', [...hosts], {
      severity: 'risk',
      sentence: `Hosts run different versions: ${groups.map(([version, own]) => `${version} on ${[...own].join(', ')}`).join('; ')}.`,
    }),
  ];
}

/** Fewer in that time are an accident. */
const LEAST_DEAD = 5;
/** The statement counts no further. */
const MOST_DEAD = 1_000;

function deadDiagnosis({ queue, events, error, origin }: RecentDead): Diagnosis[] {
  if (events < LEAST_DEAD) return [];
  const many =
    events >= MOST_DEAD ? `${events.toLocaleString('en-US')} events or more` : counted(events, 'event');
  return [
    diagnosis('dead-growing', [queue], {
      severity: 'risk',
      sentence: `Queue ${queue}: ${many} died within ${sentenceAge(TIMING.doctor.deadSeconds)}.`,
      evidence: [`the last one${origin === undefined ? '' : `, ${origin}`}: ${error}`],
      command: `tributary dead list --queue ${queue}`,
    }),
  ];
}

function scheduleDiagnosis({ name, queue, overdueSeconds, paused }: ScheduleStanding): Diagnosis[] {
  if (paused !== undefined)
    return [
      diagnosis('schedule-paused', [queue], {
        severity: 'risk',
        sentence: `Schedule ${name} has been paused for ${sentenceAge(paused.seconds)} by ${paused.by}: queue ${queue} gets nothing from it.`,
        command: `tributary schedule resume ${name}`,
      }),
    ];
  if (overdueSeconds === undefined || overdueSeconds <= TIMING.doctor.lateSeconds) return [];
  return [
    diagnosis('schedule-late', [queue], {
      severity: 'broken',
      sentence: `Schedule ${name} was due ${sentenceAge(overdueSeconds)} ago, and queue ${queue} has not got its event.`,
      command: 'tributary schedule list',
    }),
  ];
}

/** Clocks of servers against central's; the difference goes into every age of an event. */
export function clockDiagnoses(central: DatabaseHealth, shards: readonly DatabaseHealth[]): Diagnosis[] {
  const byServer = new Map<string, { readonly server: string; aheadMs: number; names: string[] }>();
  for (const { server, identity, name, sessions } of shards) {
    const aheadMs = sessions.clockAheadMs - central.sessions.clockAheadMs;
    const withinMs = sessions.clockWithinMs + central.sessions.clockWithinMs;
    if (!isSkewed(aheadMs, withinMs)) continue;
    const names = [...(byServer.get(identity)?.names ?? []), name];
    byServer.set(identity, { server, aheadMs, names });
  }
  return [...byServer.values()].map(({ server, aheadMs, names }) =>
    diagnosis('clocks-differ', names, {
      severity: 'risk',
      sentence: clockSentence(server, aheadMs),
      evidence: ['ages of events on central are wrong by as much'],
    }),
  );
}

/** By more than they may, however long the answers were under way. */
const isSkewed = (aheadMs: number, withinMs: number): boolean =>
  Math.abs(aheadMs) - withinMs >= TIMING.doctor.clockSkewMs;

const clockSentence = (whose: string, aheadMs: number): string =>
  `The clock of ${whose} is ${sentenceAge(Math.abs(aheadMs) / 1_000)} ${aheadMs > 0 ? 'ahead of' : 'behind'} central's.`;

/** One for each host, as its process says that was asked last. */
function hostClockDiagnoses(members: readonly RunningMember[]): Diagnosis[] {
  const byHost = new Map(
    members.flatMap(({ host, clock }) =>
      clock !== undefined && isSkewed(clock.ahead_ms, clock.within_ms)
        ? [[host, clock.ahead_ms] as const]
        : [],
    ),
  );
  return [...byHost].map(([host, aheadMs]) =>
    diagnosis('clocks-differ', [host], {
      of: 'host',
      severity: 'risk',
      sentence: clockSentence(`host ${host}`, aheadMs),
      evidence: ['times in its log are wrong by as much; no figure and no lease rests on it'],
    }),
  );
}

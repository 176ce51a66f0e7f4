// How schedules stand: what went in last, what is next and since when that is overdue; for `doctor` and the metrics.

import type { CentralLink } from '../central/central-link.ts';
import type { Schedule } from '../config/config.ts';
import type { CallOptions } from '../postgres/connection.ts';
import { nextAfter } from './occurrences.ts';
import { listSchedules, type ScheduleFacts } from './stored.ts';

/** A schedule of the file, as far as a host has decided it. Times are in ms since 1970, by central's clock. */
export interface ScheduleStanding {
  readonly name: string;
  readonly queue: string;
  /** The newest time whose event went in; undefined: none yet. */
  readonly lastMs: number | undefined;
  /** The first time that is not decided, in the past where it is overdue; undefined: there is none, or it is paused. */
  readonly nextMs: number | undefined;
  /** How long ago that time was; undefined: it is to come. */
  readonly overdueSeconds: number | undefined;
  readonly paused: { readonly by: string; readonly seconds: number } | undefined;
  /** Events that went in, and times that were passed over because nobody was there when they were due. */
  readonly sent: number;
  readonly passedOver: number;
}

/** Without those that no host has looked at yet. */
export async function readStandings(
  central: Pick<CentralLink, 'query'>,
  schedules: readonly Schedule[],
  options: CallOptions = {},
): Promise<ScheduleStanding[]> {
  if (schedules.length === 0) return [];
  const names = schedules.map(({ name }) => name);
  const stored = new Map((await listSchedules(central, names, options)).map((one) => [one.name, one]));
  const [clock] = await central.query<{ ms: number }>(
    'select extract(epoch from clock_timestamp())::float8 * 1000 as ms',
    [],
    options,
  );
  return schedules.flatMap((schedule) => {
    const facts = stored.get(schedule.name);
    return facts === undefined ? [] : [standingOf(schedule, facts, clock?.ms ?? facts.decidedMs)];
  });
}

function standingOf(
  schedule: Pick<Schedule, 'name' | 'queue' | 'cron' | 'zone'>,
  { decidedMs, lastDueMs, pausedBy, pausedMs, passedOver, sent }: ScheduleFacts,
  nowMs: number,
): ScheduleStanding {
  const { name, queue } = schedule;
  // One that goes on begins at that moment: until then nothing of it is due.
  const nextMs = pausedMs === null ? nextAfter(schedule, decidedMs) : undefined;
  return {
    ...{ name, queue, nextMs, sent, passedOver, lastMs: lastDueMs ?? undefined },
    overdueSeconds: nextMs !== undefined && nextMs < nowMs ? (nowMs - nextMs) / 1_000 : undefined,
    paused:
      pausedMs === null ? undefined : { by: pausedBy ?? 'somebody', seconds: (nowMs - pausedMs) / 1_000 },
  };
}

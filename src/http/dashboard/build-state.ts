// Makes the state that the page shows from one reading of central. Pure.
import type { SeenDeadRun } from '../../central/logbook/dead-run.ts';
import type { SeenMember } from '../../coordination/members.ts';
import type { Diagnosis } from '../../observability/doctor/diagnosis.ts';
import {
  type CentralLag,
  catchUpSeconds,
  fedBy,
  type LagReport,
  type LagState,
  type SourceLag,
} from '../../observability/lag/report.ts';
import type { Delivered } from '../../observability/metrics/median.ts';
import { headlineOf } from './headline.ts';
import type { DashboardState, Layout, MapCell, QueueState, ScheduleState } from './state.ts';

/** What one reading gave. */
export interface CentralLook {
  readonly report: LagReport;
  readonly members: readonly SeenMember[];
  /** Workers with a batch at hand, by central queue. */
  readonly busy: ReadonlyMap<string, number>;
  /** How long events of the last minute were under way; undefined: there were none. */
  readonly delivered: Delivered | undefined;
  readonly diagnoses: readonly Diagnosis[];
  readonly retries: readonly SeenDeadRun[];
  /** By central queue; one without is absent. */
  readonly schedules: ReadonlyMap<string, readonly ScheduleState[]>;
}

/** The worst last. */
const BY_BADNESS: readonly LagState[] = ['paused', 'idle', 'moving', 'unassigned', 'unreachable', 'halted'];
const UNKNOWN: MapCell = ['unassigned', null, null];

export function stateOf(
  { report, members, busy, delivered, diagnoses, retries, schedules }: CentralLook,
  layout: Layout,
): DashboardState {
  return {
    at: report.at.toISOString(),
    stale: null,
    headline: headlineOf(report, delivered),
    diagnoses,
    queues: report.central.map((queue) => ({
      ...queueState(queue, busy.get(queue.queue)),
      schedules: schedules.get(queue.queue) ?? [],
    })),
    cells: cellsOf(report.sources, layout),
    members,
    retries,
  };
}

/** Before central has answered for the first time. */
export function emptyState(layout: Layout, stale: string): DashboardState {
  return {
    at: null,
    stale,
    headline: 'Nothing is known yet.',
    diagnoses: [],
    queues: [],
    cells: cellsOf([], layout),
    members: [],
    retries: [],
  };
}

function queueState(queue: CentralLag, busy: number | undefined): Omit<QueueState, 'schedules'> {
  return {
    name: queue.queue,
    inRate: rounded(queue.inPerSecond),
    outRate: rounded(queue.outPerSecond),
    waiting: queue.eventsBehind ?? null,
    age: rounded(queue.secondsBehind),
    drainedIn: rounded(catchUpSeconds(queue)),
    workersUp: queue.workersRunning,
    workersWanted: queue.workersWanted ?? null,
    workersBusy: queue.workersWanted === undefined ? null : (busy ?? 0),
    retrying: queue.retrying,
    dead: queue.dead,
    delayed: queue.delayed ?? 0,
    nextDelayed: queue.nextDelayed?.toISOString() ?? null,
    lanes: queue.lanes ?? 0,
    pausedKeys: queue.paused?.keys ?? 0,
    pausedFor: rounded(queue.paused?.seconds),
    reason: queue.reason ?? null,
  };
}

/** One cell for each shard, the worst of its sources that flow into the queue. */
function cellsOf(sources: readonly SourceLag[], { hosts, queues }: Layout): DashboardState['cells'] {
  const ofFile = queues.filter(({ groupOf }) => groupOf === undefined);
  const cells = new Map(ofFile.map(({ name }) => [name, new Map<string, MapCell>()]));
  const fromOf = new Map(ofFile.map(({ name, from }) => [name, from]));
  for (const source of sources) {
    const { shard, state, secondsBehind, ageSeconds } = source;
    for (const queue of fedBy(source)) {
      const ofQueue = cells.get(queue);
      const other = ofQueue?.get(shard);
      const from = fromOf.get(queue)?.indexOf(source.queue) ?? 0;
      const known = [state, rounded(secondsBehind), rounded(ageSeconds)] as const;
      const cell: MapCell = from > 0 ? [...known, from] : known;
      ofQueue?.set(shard, other === undefined ? cell : worse(other, cell));
    }
  }
  const shards = hosts.flatMap((host) => host.shards);
  return Object.fromEntries(
    [...cells].map(([queue, ofQueue]) => [queue, shards.map((shard) => ofQueue.get(shard) ?? UNKNOWN)]),
  );
}

/**
 * By state, then by age, then in the order of the file; the older of the times at which they were seen. What is not
 * known counts as old.
 */
function worse(one: MapCell, other: MapCell): MapCell {
  const isOlder = (a: number | null, b: number | null) => (a ?? Infinity) > (b ?? Infinity);
  const place = ([state]: MapCell) => BY_BADNESS.indexOf(state);
  const isOneWorse =
    place(one) !== place(other)
      ? place(one) > place(other)
      : isOlder(one[1], other[1]) || (!isOlder(other[1], one[1]) && (one[3] ?? 0) < (other[3] ?? 0));
  const [state, age, , ...from] = isOneWorse ? one : other;
  return [state, age, isOlder(one[2], other[2]) ? one[2] : other[2], ...from];
}

/** Tenths are enough for the eye. */
const rounded = (value: number | undefined): number | null =>
  value === undefined ? null : Math.round(value * 10) / 10;

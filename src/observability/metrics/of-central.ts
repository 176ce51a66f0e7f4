// Metrics of central, from the same report that `lag` shows. Pure.
//
// Invariant: an unknown figure is absent and counted as unknown, and never 0.
import {
  fedBy,
  isKnownNow,
  type LagReport,
  type LagState,
  type SourceLag,
  unroutedOf,
} from '../lag/report.ts';
import { type Figures, gauge } from './figures.ts';

const STATES: readonly LagState[] = ['moving', 'idle', 'paused', 'halted', 'unreachable', 'unassigned'];

export interface CentralFiguresOptions {
  /** The file's central queues. */
  readonly queues: readonly string[];
  readonly isPerSource: boolean;
}

export function centralFigures(report: LagReport, { queues, isPerSource }: CentralFiguresOptions): Figures {
  const { sources, central } = report;
  const bySource = queues.map((queue) => {
    const own = sources.filter((source) => fedBy(source).includes(queue));
    return { queue, known: own.filter(isKnownNow), unknown: own.filter((one) => !isKnownNow(one)) };
  });
  const ofQueues = (value: (queue: LagReport['central'][number]) => number | undefined) =>
    gauge(
      ...central.flatMap((queue) => {
        const figure = value(queue);
        return figure === undefined ? [] : [[[queue.queue], figure] as const];
      }),
    );
  return {
    tributary_sources: gauge(
      ...STATES.map((state) => [[state], sources.filter((one) => one.state === state).length] as const),
    ),
    tributary_sources_unknown: gauge(
      ...bySource.map(({ queue, unknown }) => [[queue], unknown.length] as const),
    ),
    tributary_unmoved_events: gauge(
      ...bySource.flatMap(({ queue, known }) =>
        known.length === 0
          ? []
          : [[[queue], sum(known.map(({ eventsBehind = 0 }) => eventsBehind))] as const],
      ),
    ),
    tributary_oldest_unmoved_event_age_seconds: gauge(
      ...bySource.flatMap(({ queue, known }) =>
        known.length === 0
          ? []
          : [[[queue], most(known.map(({ secondsBehind = 0 }) => secondsBehind))] as const],
      ),
    ),
    tributary_unrouted_events: gauge(
      ...[...unroutedOf(sources)].map(([queue, events]) => [[queue], events] as const),
    ),
    tributary_waiting_events: ofQueues(({ eventsBehind }) => eventsBehind),
    tributary_oldest_waiting_event_age_seconds: ofQueues(({ secondsBehind }) => secondsBehind),
    tributary_retrying_events: ofQueues(({ retrying }) => retrying),
    tributary_paused_keys: ofQueues(({ paused }) => paused?.keys ?? 0),
    tributary_oldest_paused_key_age_seconds: ofQueues(({ paused }) => paused?.seconds ?? 0),
    tributary_delayed_events: ofQueues(({ delayed = 0 }) => delayed),
    tributary_left_out_events: ofQueues(({ leftOut = 0 }) => leftOut),
    tributary_dead_events: ofQueues(({ dead }) => dead),
    tributary_workers_wanted: ofQueues(({ workersWanted }) => workersWanted),
    tributary_workers_running: ofQueues(({ workersWanted, workersRunning }) =>
      workersWanted === undefined ? undefined : workersRunning,
    ),
    tributary_queue_stuck: ofQueues(({ isStuck }) => Number(isStuck)),
    tributary_host_files_differ: gauge([[], Number(report.filesDiffer !== undefined)]),
    ...(isPerSource && sourceFigures(sources)),
  };
}

function sourceFigures(sources: readonly SourceLag[]): Figures {
  const known = sources.filter(isKnownNow);
  const isMoving = ({ state }: SourceLag) => state === 'moving' || state === 'idle';
  return {
    tributary_source_moving: gauge(...sources.map((one) => [labelsOf(one), Number(isMoving(one))] as const)),
    tributary_source_unmoved_events: gauge(
      ...known.map((one) => [labelsOf(one), one.eventsBehind ?? 0] as const),
    ),
    tributary_source_oldest_unmoved_event_age_seconds: gauge(
      ...known.map((one) => [labelsOf(one), one.secondsBehind ?? 0] as const),
    ),
  };
}

const labelsOf = ({ shard, queue }: SourceLag): string[] => [shard, queue];
const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);
/** Not by arguments: there may be a thousand of them. */
const most = (numbers: readonly number[]): number => numbers.reduce((top, one) => Math.max(top, one), 0);

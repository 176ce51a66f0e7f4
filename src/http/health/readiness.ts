// Whether all that a host is responsible for is as it should be, judged as `lag` judges. Pure.
//
// Invariant: a figure that is not known, or older than it should be, is a reason.
import type { Config } from '../../config/config.ts';
import { isAny } from '../../config/sections/host.ts';
import { diagnosesOf } from '../../observability/doctor/central-doctor.ts';
import type { Diagnosis } from '../../observability/doctor/diagnosis.ts';
import {
  centralExcesses,
  DEFAULT_MAX_SECONDS,
  exceeds,
  isKnownNow,
  type LagReport,
  type LagState,
  type SourceLag,
} from '../../observability/lag/report.ts';

/** What a host is responsible for. */
export interface Duties {
  readonly host: string;
  /** Its mover runs, or should. */
  readonly movesShards: boolean;
  /** The central queues that it works on. */
  readonly queues: readonly string[];
}

export interface Reason {
  readonly of: Diagnosis['of'] | 'process';
  /** Names of the sources or queues, at most as many as a person reads. */
  readonly names: readonly string[];
  /** How many there are. */
  readonly count: number;
  readonly state?: LagState;
  readonly sentence: string;
  /** As `doctor` has them. */
  readonly cause?: string;
  readonly evidence?: readonly string[];
  readonly remedy?: string;
  readonly command?: string;
}

const LIMITS = { maxSeconds: DEFAULT_MAX_SECONDS };
const MOST_NAMES = 20;
/** The worst are named; the others are counted. */
const MOST_REASONS = 100;

export interface Readiness {
  /** Why the host is not ready, in the words of `doctor`, the worst first; empty: it is. */
  readonly reasons: readonly Reason[];
  /** What an operator has stopped: to be seen, and no failure of the host. */
  readonly onPurpose: readonly Reason[];
}

const ON_PURPOSE = ['paused', 'parked', 'retired'];

export function readinessOf(
  report: LagReport,
  duties: Duties,
  config: Pick<Config, 'shards' | 'queues'>,
): Readiness {
  const homes = new Map(config.shards.map(({ name, moverHost }) => [name, moverHost]));
  const sources = report.sources
    .filter((source) => duties.movesShards && isOurs(source, homes.get(source.shard), duties.host))
    .filter((source) => source.state === 'paused' || exceeds(source, LIMITS) || !isKnownNow(source));
  const queues = report.central.filter(
    (queue) => duties.queues.includes(queue.queue) && centralExcesses(queue, LIMITS).length > 0,
  );
  const states = new Map(sources.map(({ shard, queue, state }) => [`${shard}:${queue}`, state]));
  const all = diagnosesOf({ at: report.at, sources, central: queues }, config);
  const reasons = (isMeant: boolean) =>
    all
      .filter(({ cause }) => ON_PURPOSE.includes(cause) === isMeant)
      .slice(0, MOST_REASONS)
      .map(({ of, names, severity: _, ...said }) => {
        const state = of === 'source' ? states.get(names[0] ?? '') : undefined;
        return reason(of, names, { ...said, ...(state !== undefined && { state }) });
      });
  return { reasons: reasons(false), onPurpose: reasons(true) };
}

export function reason(
  of: Reason['of'],
  names: readonly string[],
  said: Pick<Reason, 'sentence'> & Partial<Omit<Reason, 'of' | 'names' | 'count'>>,
): Reason {
  return { of, names: names.slice(0, MOST_NAMES), count: names.length, ...said };
}

/** @param still the loops of the process that stand still, by name. */
export const stillReasons = (still: readonly string[]): Reason[] =>
  still.map((name) => reason('process', [name], { sentence: `No sign of life from ${name}: see the log.` }));

/** A shard at home here, one that this host moves for another, and one of any host that no mover moves. */
function isOurs({ mover }: SourceLag, home: string | undefined, host: string): boolean {
  if (mover === host || home === host) return true;
  return home !== undefined && isAny(home) && mover === undefined;
}

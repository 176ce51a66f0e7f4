// The report of `lag` as values: sources, central queues, and which of them are not healthy. Pure.
import { TIMING } from '../../lifecycle/timing.ts';
import type { BatchAtHand, PausedKeys, TriesFigures } from './facts.ts';

/** `moving` and `idle` sources move; all others have a reason why not. */
export type LagState = 'moving' | 'idle' | 'paused' | 'halted' | 'unreachable' | 'unassigned';

/** A cause by its name in `doctor`, and what is to be done where that depends on who asks. */
export interface Why {
  readonly cause: string;
  readonly remedy?: string | undefined;
  readonly command?: string | undefined;
  /** Who paused it, and why they said they did. */
  readonly paused?: { readonly by?: string | undefined; readonly reason?: string | undefined } | undefined;
}

export interface SourceLag {
  readonly shard: string;
  readonly queue: string;
  /** Where it leads to, or the first of several. */
  readonly centralQueue: string;
  /** All of them, in the order of the file; absent: that one. */
  readonly routes?: readonly string[] | undefined;
  /** Events since it was installed that no route took. */
  readonly unrouted?: number | undefined;
  readonly state: LagState;
  /** Why it does not move, with the remedy. */
  readonly reason: string | undefined;
  /** The same for `doctor`, where there is a reason. */
  readonly why?: Why | undefined;
  /** The host whose mover should move it; undefined: not in the file. */
  readonly home?: string | undefined;
  /** How long it has not moved, where it does not and that is known. */
  readonly stateSeconds?: number | undefined;
  /** Host of the mover that moves it. */
  readonly mover: string | undefined;
  /** Undefined: not known. */
  readonly eventsBehind: number | undefined;
  /** Counted; else estimated from sequences. */
  readonly isExact: boolean;
  readonly secondsBehind: number | undefined;
  /** The newest tick of the queue on its shard. */
  readonly lastTick: number | undefined;
  /** Events moved since the source was installed. */
  readonly moved: number;
  readonly provider: string | undefined;
  /** Age of the figures; undefined: there are none. */
  readonly ageSeconds: number | undefined;
}

export interface CentralLag {
  readonly queue: string;
  /** Undefined: forward only. */
  readonly workersWanted: number | undefined;
  readonly workersRunning: number;
  /** Undefined: no group of ours consumes the queue, or its position is not known. */
  readonly eventsBehind: number | undefined;
  readonly isExact: boolean;
  readonly secondsBehind: number | undefined;
  /** Events a second over the last minute or so: come in, and got through by workers. Undefined: not known. */
  readonly inPerSecond?: number | undefined;
  readonly outPerSecond?: number | undefined;
  readonly retrying: number;
  readonly dead: number;
  /** Events that wait for their time, and when the next one is due; absent: none. */
  readonly delayed?: number | undefined;
  readonly nextDelayed?: Date | undefined;
  /** Absent: any worker gets any event. */
  readonly lanes?: number | undefined;
  /** Once everything in front of the change is handled; absent: as many. */
  readonly nextLanes?: number | undefined;
  readonly paused?: PausedKeys | undefined;
  /** Events that did not go in because another one had their key. */
  readonly leftOut?: number | undefined;
  readonly recent: TriesFigures;
  readonly batches: readonly BatchAtHand[];
  /** What keeps its workers from working, with the remedy. */
  readonly reason: string | undefined;
  /** Its name in `doctor`. */
  readonly cause?: string | undefined;
  /** Its workers do not run or make no progress, or its delayed events do not go in. */
  readonly isStuck: boolean;
}

export interface LagReport {
  /** By central's clock. */
  readonly at: Date;
  /** By shard and queue, as in the file. */
  readonly sources: readonly SourceLag[];
  readonly central: readonly CentralLag[];
  /** A sentence where hosts run with different files. */
  readonly filesDiffer?: string | undefined;
}

/** All central queues that a source feeds. */
export const fedBy = ({ centralQueue, routes = [centralQueue] }: SourceLag): readonly string[] => routes;

/** Events that no route took, by source queue, where there are any. */
export function unroutedOf(sources: readonly SourceLag[]): ReadonlyMap<string, number> {
  const all = new Map<string, number>();
  for (const { queue, unrouted = 0 } of sources)
    if (unrouted > 0) all.set(queue, (all.get(queue) ?? 0) + unrouted);
  return all;
}

/** Default limit: a source behind by more is shown as not healthy. */
export const DEFAULT_MAX_SECONDS = 60;

/** The worst first. */
const SEVERITY: readonly LagState[] = ['halted', 'unreachable', 'unassigned', 'moving', 'idle', 'paused'];

/** Whether a source moves, as far as is known, and is behind by at most `maxSeconds`. */
export function isHealthy(source: SourceLag, maxSeconds: number): boolean {
  const isRunning = source.state === 'moving' || source.state === 'idle';
  return isRunning && source.reason === undefined && !isLate(source.secondsBehind, maxSeconds);
}

/**
 * Whether it is known now how far behind the source is. Old figures of a source that moves say nothing; those of one that
 * stands still were corrected, or are absent.
 */
export function isKnownNow({ state, ageSeconds, eventsBehind, secondsBehind }: SourceLag): boolean {
  if (ageSeconds === undefined || eventsBehind === undefined || secondsBehind === undefined) return false;
  const isRunning = state === 'moving' || state === 'idle';
  return !isRunning || ageSeconds <= TIMING.reports.freshSeconds;
}

/** Limits beyond which `lag` fails; undefined: none. A source that does not move, or a queue that fails, exceeds them always. */
export interface LagLimits {
  readonly maxSeconds?: number | undefined;
  /** Dead events, and events that wait to be tried again, of one central queue. */
  readonly maxDead?: number | undefined;
  readonly maxRetrying?: number | undefined;
}

/** A paused source counts only once it is behind. */
export function exceeds(source: SourceLag, { maxSeconds }: LagLimits): boolean {
  return (
    ['halted', 'unreachable', 'unassigned'].includes(source.state) || isLate(source.secondsBehind, maxSeconds)
  );
}

/** What exceeds the limits in a central queue, in a few words each. A queue that no group of ours consumes is never behind. */
export function centralExcesses(central: CentralLag, limits: LagLimits): string[] {
  const { maxSeconds, maxDead = Infinity, maxRetrying = Infinity } = limits;
  const { queue, workersWanted, secondsBehind, dead, retrying, isStuck, recent } = central;
  const excesses = [
    dead > maxDead ? `${dead} dead events in ${queue}` : '',
    retrying > maxRetrying ? `${retrying} retrying events in ${queue}` : '',
  ];
  const isWorked = workersWanted !== undefined;
  if (isStuck || (isWorked && (isFailing(recent) || isLate(secondsBehind, maxSeconds))))
    excesses.push(`central queue ${queue}`);
  return excesses.filter((one) => one !== '');
}

/** Whether enough waits to show how long catching up will take. */
export const hasBacklog = ({ secondsBehind = 0, eventsBehind = 0 }: CentralLag): boolean =>
  secondsBehind > TIMING.reports.backlogSeconds && eventsBehind > 0;

/** Seconds until the workers have caught up at the rates of the last minute; undefined: they do not, or it is not known. */
export function catchUpSeconds(central: CentralLag): number | undefined {
  const { inPerSecond, outPerSecond, eventsBehind } = central;
  if (!hasBacklog(central) || inPerSecond === undefined || outPerSecond === undefined) return undefined;
  const gain = outPerSecond - inPerSecond;
  return gain > 0 && eventsBehind !== undefined ? eventsBehind / gain : undefined;
}

/** Fewer failures say nothing. */
const FAILURES = 5;

/** More than a tenth of the last events that were tried. */
export function isFailing({ tried, failed }: TriesFigures): boolean {
  return failed >= FAILURES && failed > tried / 10;
}

/** Those that are not healthy, worst first: what does not move, then by how far it is behind. */
export function unhealthy(sources: readonly SourceLag[], maxSeconds: number): SourceLag[] {
  const rank = ({ state }: SourceLag) => SEVERITY.indexOf(state === 'idle' ? 'moving' : state);
  const behind = ({ secondsBehind }: SourceLag) => secondsBehind ?? Number.POSITIVE_INFINITY;
  return sources
    .filter((source) => !isHealthy(source, maxSeconds))
    .sort((a, b) => rank(a) - rank(b) || (behind(a) === behind(b) ? 0 : behind(b) - behind(a)));
}

/** An unknown age counts as late. */
export function isLate(secondsBehind: number | undefined, maxSeconds: number | undefined): boolean {
  return maxSeconds !== undefined && (secondsBehind === undefined || secondsBehind > maxSeconds);
}

/** The document of `lag --json`: keys are only ever added. */
export function lagJson({ at, sources, central, filesDiffer }: LagReport) {
  return {
    at: at.toISOString(),
    files_differ: filesDiffer ?? null,
    sources: sources.map((source) => ({
      shard: source.shard,
      queue: source.queue,
      central_queue: source.centralQueue,
      central_queues: fedBy(source),
      unrouted: source.unrouted ?? 0,
      state: source.state,
      reason: source.reason ?? null,
      cause: source.why?.cause ?? null,
      paused_by: source.why?.paused?.by ?? null,
      state_seconds: rounded(source.stateSeconds),
      mover: source.mover ?? null,
      events_behind: source.eventsBehind ?? null,
      seconds_behind: rounded(source.secondsBehind),
      last_tick: source.lastTick ?? null,
      moved: source.moved,
      provider: source.provider ?? null,
      exact: source.isExact,
      age_seconds: rounded(source.ageSeconds),
    })),
    central: central.map((queue) => ({
      queue: queue.queue,
      workers_wanted: queue.workersWanted ?? null,
      workers_running: queue.workersRunning,
      events_behind: queue.eventsBehind ?? null,
      seconds_behind: rounded(queue.secondsBehind),
      in_per_second: rounded(queue.inPerSecond),
      out_per_second: rounded(queue.outPerSecond),
      eta_seconds: rounded(catchUpSeconds(queue)),
      retrying: queue.retrying,
      dead: queue.dead,
      delayed: queue.delayed ?? 0,
      left_out: queue.leftOut ?? 0,
      lanes: queue.lanes ?? 0,
      next_lanes: queue.nextLanes ?? null,
      paused_keys: queue.paused?.keys ?? 0,
      paused_events: queue.paused?.events ?? 0,
      paused_seconds: rounded(queue.paused?.seconds),
      next_delayed: queue.nextDelayed?.toISOString() ?? null,
      exact: queue.isExact,
      reason: queue.reason ?? null,
      cause: queue.cause ?? null,
      recent: {
        tried: queue.recent.tried,
        failed: queue.recent.failed,
        error: queue.recent.error ?? null,
      },
      batches: queue.batches.map(({ slot, done, events, seconds }) => ({
        slot,
        done,
        events: events ?? null,
        seconds: rounded(seconds),
      })),
    })),
  };
}

const rounded = (seconds: number | undefined): number | null =>
  seconds === undefined ? null : Math.round(seconds * 1000) / 1000;

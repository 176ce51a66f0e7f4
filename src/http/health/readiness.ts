// Whether all that a host is responsible for is as it should be, judged as `lag` judges. Pure.
//
// Invariant: a figure that is not known, or older than it should be, is a reason.
import type { Config } from '../../config/config.ts';
import { isAny } from '../../config/sections/host.ts';
import { sentenceAge } from '../../errors/age.ts';
import { alike } from '../../observability/lag/alike.ts';
import {
  type CentralLag,
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
  readonly of: 'source' | 'queue' | 'process' | 'central';
  /** Names of the sources or queues, at most as many as a person reads. */
  readonly names: readonly string[];
  /** How many there are. */
  readonly count: number;
  readonly state?: LagState;
  readonly sentence: string;
}

const LIMITS = { maxSeconds: DEFAULT_MAX_SECONDS };
const MOST_NAMES = 20;
/** The worst are named; the others are counted. */
const MOST_REASONS = 100;

/** Why the host is not ready; empty: it is. */
export function reasonsOf(report: LagReport, duties: Duties, config: Pick<Config, 'shards'>): Reason[] {
  const homes = new Map(config.shards.map(({ name, moverHost }) => [name, moverHost]));
  const sources = report.sources
    .filter((source) => duties.movesShards && isOurs(source, homes.get(source.shard), duties.host))
    .filter((source) => exceeds(source, LIMITS) || isUnknown(source))
    .map((source) => ({ ...source, reason: whySource(source) }));
  const queues = report.central.filter(
    (queue) => duties.queues.includes(queue.queue) && centralExcesses(queue, LIMITS).length > 0,
  );
  return [
    ...queues.map((queue) => reason('queue', [queue.queue], { sentence: whyQueue(queue) })),
    ...alike(sources).map(({ state, reason: sentence = '', sources: own }) =>
      reason(
        'source',
        own.map(({ shard, queue }) => `${shard}:${queue}`),
        { state, sentence },
      ),
    ),
  ].slice(0, MOST_REASONS);
}

export function reason(
  of: Reason['of'],
  names: readonly string[],
  said: Pick<Reason, 'sentence'> & Pick<Partial<Reason>, 'state'>,
): Reason {
  return { of, names: names.slice(0, MOST_NAMES), count: names.length, ...said };
}

/** A shard at home here, one that this host moves for another, and one of any host that no mover moves. */
function isOurs({ mover }: SourceLag, home: string | undefined, host: string): boolean {
  if (mover === host || home === host) return true;
  return home !== undefined && isAny(home) && mover === undefined;
}

const isUnknown = (source: SourceLag): boolean => source.state !== 'paused' && !isKnownNow(source);

function whySource(source: SourceLag): string {
  const { shard, queue, reason: said, secondsBehind, ageSeconds } = source;
  if (said !== undefined) return said;
  const label = `Source ${shard}:${queue}`;
  if (ageSeconds === undefined || secondsBehind === undefined)
    return `${label}: how far behind it is, is not known.`;
  if (isUnknown(source))
    return `${label}: how far behind it is, was last seen ${sentenceAge(ageSeconds)} ago.`;
  return `${label}: its oldest event has waited for ${sentenceAge(secondsBehind)} to be moved.`;
}

function whyQueue({ queue, reason: said, secondsBehind }: CentralLag): string {
  if (said !== undefined) return said;
  return secondsBehind === undefined
    ? `Queue ${queue}: how long its events have waited is not known.`
    : `Queue ${queue}: its oldest event has waited for ${sentenceAge(secondsBehind)} to be handled.`;
}

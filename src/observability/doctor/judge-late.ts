// What rates show of sources that are late and of queues that are behind: whether they catch up, and when, by how much is moved
// and how much arrives; and whether one shard is most of it. Pure.
import { counted } from '../../errors/words.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import { fedBy, type LagReport, type SourceLag } from '../lag/report.ts';
import type { Cause } from './causes.ts';
import type { Diagnosis } from './diagnosis.ts';
import { rateText, timeOfDay } from './judge-queues.ts';

/** Events a second by `shard:queue`. */
export interface SourceRates {
  readonly moved: ReadonlyMap<string, number>;
  readonly arriving: ReadonlyMap<string, number>;
}

/** The same diagnosis with its rates, where those of all its sources are known. */
export function withRates(
  one: Diagnosis,
  { at, sources }: Pick<LagReport, 'at' | 'sources'>,
  { moved, arriving }: SourceRates,
): Diagnosis {
  if (one.cause !== 'moving-late' || !one.names.every((name) => moved.has(name) && arriving.has(name)))
    return one;
  const sum = (values: ReadonlyMap<string, number>) =>
    one.names.reduce((total, name) => total + (values.get(name) ?? 0), 0);
  const [out, come] = [sum(moved), sum(arriving)];
  const named = new Set(one.names);
  const waiting = sources
    .filter(({ shard, queue }) => named.has(`${shard}:${queue}`))
    .reduce((total, { eventsBehind = 0 }) => total + eventsBehind, 0);
  const gain = out - come;
  const outlook =
    gain > 0 && waiting / gain < TIMING.doctor.longestOutlookSeconds
      ? `caught up at about ${timeOfDay(at, waiting / gain)}`
      : 'it gets no less';
  return {
    ...one,
    evidence: [...one.evidence, `${rateText(out)}/s moved, ${rateText(come)}/s arrive: ${outlook}`],
  };
}

/** Whose remedy is another one where a single shard floods. */
const FLOODED: readonly Cause[] = [
  ...(['too-few-workers', 'handler-slow', 'catching-up', 'rate-reached'] as const),
  ...(['backlog-limit', 'moving-late'] as const),
];
/** Of all that comes, or waits; one of two shards has half of it where all is well. */
const MOST_SHARE = 0.6;

/** The sources of queues for which that should be known: those that moved most come first. */
export function perhapsFlooding(
  found: readonly Diagnosis[],
  { sources }: Pick<LagReport, 'sources'>,
): string[] {
  const queues = new Set(found.flatMap((one) => queuesOf(one, sources)));
  return sources
    .filter((source) => fedBy(source).some((queue) => queues.has(queue)))
    .sort((a, b) => b.moved - a.moved)
    .map(nameOf);
}

/** @param moved events a second, by source: as many of these as were asked for. */
export function withFlood(
  one: Diagnosis,
  { sources }: Pick<LagReport, 'sources'>,
  moved: ReadonlyMap<string, number>,
): Diagnosis {
  const evidence = queuesOf(one, sources).flatMap((queue) => {
    const feeding = sources.filter((source) => fedBy(source).includes(queue));
    const came = mostOf(feeding, (source) => moved.get(nameOf(source)) ?? 0);
    const waits = mostOf(feeding, ({ eventsBehind = 0 }) => eventsBehind);
    return [
      ...(came === undefined
        ? []
        : [`${came.shard} brought ${percent(came)} of what came into ${queue} lately`]),
      ...(waits === undefined
        ? []
        : [
            `${percent(waits)} of about ${counted(waits.total, 'event')} that wait on shards for ${queue} are of ${waits.shard}`,
          ]),
    ];
  });
  return evidence.length === 0 ? one : { ...one, evidence: [...one.evidence, ...evidence] };
}

interface Most {
  readonly shard: string;
  readonly amount: number;
  readonly total: number;
}

/** The shard that has most of it, where that is nearly all. */
function mostOf(sources: readonly SourceLag[], amountOf: (source: SourceLag) => number): Most | undefined {
  const amounts = new Map<string, number>();
  for (const source of sources)
    amounts.set(source.shard, (amounts.get(source.shard) ?? 0) + amountOf(source));
  const total = [...amounts.values()].reduce((sum, amount) => sum + amount, 0);
  const [shard, amount] = [...amounts].reduce((most, next) => (next[1] > most[1] ? next : most), ['', 0]);
  return amounts.size > 1 && amount > total * MOST_SHARE ? { shard, amount, total } : undefined;
}

function queuesOf({ cause, names }: Diagnosis, sources: readonly SourceLag[]): string[] {
  if (!FLOODED.includes(cause as Cause)) return [];
  const named = new Set(names);
  const led = sources.filter((source) => named.has(nameOf(source))).flatMap((source) => fedBy(source));
  // A group of a queue is orders/billing.
  return [
    ...new Set([
      ...led,
      ...names.filter((name) => !name.includes(':')).map((name) => name.split('/')[0] ?? name),
    ]),
  ];
}

const nameOf = ({ shard, queue }: SourceLag): string => `${shard}:${queue}`;

const percent = ({ amount, total }: Most): string => `${Math.floor((100 * amount) / total)} %`;

// Whether sources that are moved and late catch up, and when, by how much is moved and how much arrives. Pure.
import { TIMING } from '../../lifecycle/timing.ts';
import type { LagReport } from '../lag/report.ts';
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

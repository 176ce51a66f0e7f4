// The sentence at the top of the page. Pure.

import { counted } from '../../errors/words.ts';
import {
  centralExcesses,
  DEFAULT_MAX_SECONDS,
  isHealthy,
  isKnownNow,
  type LagReport,
  type SourceLag,
} from '../../observability/lag/report.ts';
import type { Delivered } from '../../observability/metrics/median.ts';

/** A source of which nothing is known now is not well. */
export function headlineOf({ sources, central }: LagReport, delivered?: Delivered): string {
  const paused = sources.filter(({ state }) => state === 'paused').length;
  const bad = sources.filter((source) => source.state !== 'paused' && !isWell(source)).length;
  const well = sources.length - paused - bad;
  const rest = [
    paused > 0 ? `${paused.toLocaleString('en-US')} ${paused === 1 ? 'is' : 'are'} paused` : '',
    bad > 0 ? needs(bad) : '',
  ].filter((part) => part !== '');
  const all = counted(sources.length, 'source');
  const first =
    rest.length === 0
      ? sources.length === 1
        ? 'The one source is well.'
        : `All ${all} are well.`
      : `${well.toLocaleString('en-US')} of ${all} ${well === 1 ? 'is' : 'are'} well, ${rest.join(', ')}.`;
  const troubled = central.filter(
    (queue) => centralExcesses(queue, { maxSeconds: DEFAULT_MAX_SECONDS }).length > 0,
  );
  if (troubled.length === 0) return `${first}${delivered === undefined ? '' : ` ${speed(delivered)}`}`;
  const which =
    troubled.length === 1
      ? `Central queue ${troubled[0]?.queue} needs you.`
      : `${troubled.length} of ${counted(central.length, 'central queue')} need you.`;
  return `${first} ${which}`;
}

/** In figures that one can believe: the median comes from counts by bucket. */
function speed({ medianSeconds }: Delivered): string {
  const ms = medianSeconds * 1_000;
  const shown =
    ms < 1_000 ? `${Math.max(10, Math.round(ms / 10) * 10)} ms` : `${Number((ms / 1_000).toPrecision(2))} s`;
  return `Half of all events reach their handler within ${shown}.`;
}

const isWell = (source: SourceLag): boolean => isHealthy(source, DEFAULT_MAX_SECONDS) && isKnownNow(source);

const needs = (number: number): string =>
  `${number.toLocaleString('en-US')} ${number === 1 ? 'needs' : 'need'} you`;

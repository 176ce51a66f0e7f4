// Events of a central queue over time, small: what came in as an area, what was handled as a line, and what happened as marks.
import type { QueueHistory } from '../../http/dashboard/state.ts';
import { state } from '../live/store.ts';
import { shortRate } from '../words/numbers.ts';
import { areaPath, type Box, largest, linePath, xOf } from './spark-path.ts';

const [WIDTH, HEIGHT] = [132, 30];
export const CHART_SPANS = {
  '1h': { seconds: 3_600, name: 'one hour' },
  '24h': { seconds: 86_400, name: '24 hours' },
};

export type Span = keyof typeof CHART_SPANS;

interface SparklineProps {
  readonly queue: string;
  readonly history: QueueHistory | undefined;
  readonly span: Span;
}

/** Where nobody has measured for a while, that is seen at the right edge. */
export const nowOr = (last: number): number =>
  Math.max(last, Math.floor(Date.parse(state.value?.at ?? '') / 1_000) || 0);

export function Sparkline({ queue, history, span }: SparklineProps) {
  if (history === undefined || history.at.length < 2) return <span class="spark none">no history yet</span>;
  const to = nowOr(history.at.at(-1) ?? 0);
  const top = largest(history.inRate, history.outRate);
  const box: Box = { width: WIDTH, height: HEIGHT, from: to - CHART_SPANS[span].seconds, to, top };
  const marks = history.marks.filter(({ at }) => at >= box.from && at <= to);
  const happened = marks.length === 0 ? '' : `, ${marks.map(({ text }) => text).join(', ')}`;
  const said = `${queue}, last ${CHART_SPANS[span].name}: at most ${shortRate(top)}${happened}`;
  return (
    <svg class="spark" viewBox={`0 -1 ${WIDTH} ${HEIGHT + 7}`} role="img" aria-label={said}>
      <title>{said}</title>
      <path class="in" d={areaPath(history.at, history.inRate, box)} />
      <path class="out" d={linePath(history.at, history.outRate, box)} />
      {marks.map(({ at, kind, text }) => (
        <path key={`${at} ${text}`} class={`mark ${kind}`} d={`M${xOf(at, box)} ${HEIGHT + 6}l-2.5-4h5Z`} />
      ))}
    </svg>
  );
}

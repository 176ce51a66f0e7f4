// What `lag --watch` has seen since it began: for each central queue how much is moved and handled a second, and how old the
// oldest event is, as lines that grow to the right.
import { fedBy, type LagReport } from '../../../observability/lag/report.ts';
import { seconds as ageText } from '../../terminal/output.ts';

interface Seen {
  readonly atMs: number;
  readonly moved: ReadonlyMap<string, number>;
}

interface Trend {
  /** Undefined: not known. */
  readonly moved: (number | undefined)[];
  readonly handled: (number | undefined)[];
  readonly oldest: (number | undefined)[];
}

/** As many as a wide terminal shows. */
const MOST = 60;
const LEVELS = '▁▂▃▄▅▆▇█';
const ASCII_LEVELS = '_.:-=+*#';
/** With less room the column of what is handled is left out. */
const NARROW = 60;
const NAME = 14;
/** With more room than this names are shown up to twice as long. */
const WIDE = 100;
const FIGURE = 9;
/** A second, or an event a second: the top of a line is never less, or nothing would look like much. */
const LEAST = 1;

export class Trends {
  readonly #trends = new Map<string, Trend>();
  #last: Seen | undefined;

  add({ at, sources, central }: LagReport): void {
    const moved = new Map<string, number>();
    for (const { centralQueue, routes, moved: events } of sources)
      if (routes === undefined) moved.set(centralQueue, (moved.get(centralQueue) ?? 0) + events);
    // How much of what a source with routes moved went where, only central can tell.
    const routed = new Set(sources.flatMap(({ routes = [] }) => routes));
    const seconds = this.#last === undefined ? 0 : (at.getTime() - this.#last.atMs) / 1_000;
    for (const { queue, inPerSecond, outPerSecond, secondsBehind } of central) {
      const trend = this.#trends.get(queue) ?? { moved: [], handled: [], oldest: [] };
      this.#trends.set(queue, trend);
      const before = this.#last?.moved.get(queue);
      const now = moved.get(queue) ?? 0;
      // A source that was repaired may count from another number.
      const rate = before === undefined || seconds <= 0 ? undefined : Math.max(0, now - before) / seconds;
      push(trend.moved, routed.has(queue) ? inPerSecond : rate);
      push(trend.handled, outPerSecond);
      push(trend.oldest, Math.max(secondsBehind ?? 0, oldestOf(sources, queue)));
    }
    this.#last = { atMs: at.getTime(), moved };
  }

  /** Empty where there are no central queues. @param width columns of the terminal. */
  text({ width, isAscii }: { readonly width: number; readonly isAscii: boolean }): string {
    if (this.#trends.size === 0) return '';
    const columns =
      width < NARROW ? (['moved', 'oldest'] as const) : (['moved', 'handled', 'oldest'] as const);
    const longest = Math.max(5, ...[...this.#trends.keys()].map(({ length }) => length));
    const name = Math.min(width < WIDE ? NAME : 2 * NAME, longest);
    const room = Math.floor((width - name) / columns.length) - FIGURE - 3;
    const points = Math.max(4, Math.min(MOST, room));
    const titles = { moved: 'moved/s', handled: 'handled/s', oldest: 'oldest' };
    const cell = (text: string) => `  ${text.padEnd(points + 1 + FIGURE)}`;
    const lines = [...this.#trends].map(([queue, trend]) => {
      const cells = columns.map((column) => {
        const all = trend[column].slice(-points);
        const shown = column === 'oldest' ? ageText(all.at(-1) ?? 0) : rateText(all.at(-1));
        return cell(`${sparkline(all, isAscii ? ASCII_LEVELS : LEVELS).padStart(points)} ${shown}`);
      });
      const shown = queue.length > name ? `${queue.slice(0, name - 1)}${isAscii ? '.' : '…'}` : queue;
      return shown.padEnd(name) + cells.join('');
    });
    const head = ' '.repeat(name) + columns.map((column) => cell(titles[column])).join('');
    return `${[head, ...lines].map((line) => line.trimEnd()).join('\n')}\n\n`;
  }
}

function oldestOf(sources: LagReport['sources'], queue: string): number {
  return sources.reduce(
    (oldest, source) =>
      fedBy(source).includes(queue) ? Math.max(oldest, source.secondsBehind ?? 0) : oldest,
    0,
  );
}

function push(values: (number | undefined)[], value: number | undefined): void {
  values.push(value);
  if (values.length > MOST) values.shift();
}

/** From nothing to the most that is shown, at least `LEAST`; what is not known is a gap. */
function sparkline(values: readonly (number | undefined)[], levels: string): string {
  const most = values.reduce<number>((top, value) => Math.max(top, value ?? 0), LEAST);
  const steps = [...levels];
  return values
    .map((value) => {
      if (value === undefined) return ' ';
      return steps[
        most === 0 ? 0 : Math.min(steps.length - 1, Math.ceil((value / most) * (steps.length - 1)))
      ];
    })
    .join('');
}

function rateText(rate: number | undefined): string {
  if (rate === undefined) return '?';
  if (rate >= 1e6) return `${(rate / 1e6).toFixed(1)}M`;
  if (rate >= 10_000) return `${Math.round(rate / 1_000)}k`;
  if (rate >= 1_000) return `${(rate / 1_000).toFixed(1)}k`;
  return rate < 10 && rate > 0 ? rate.toFixed(1) : String(Math.round(rate));
}

// A chart over time, with what happened as vertical lines. The pointer is shown at the same moment in all charts of a page.
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import type { QueueHistory } from '../../http/dashboard/state.ts';

export interface ChartLine {
  readonly name: string;
  readonly values: readonly (number | null)[];
  /** The main line has the accent, the other is a quiet area. */
  readonly isMain?: boolean;
}

interface TimeChartProps {
  readonly title: string;
  readonly at: readonly number[];
  readonly from: number;
  readonly to: number;
  readonly lines: readonly ChartLine[];
  readonly marks: QueueHistory['marks'];
  readonly show: (value: number | null) => string;
}

const HEIGHT = 140;
const DARK = matchMedia('(prefers-color-scheme: dark)');

export function TimeChart(props: TimeChartProps) {
  const root = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const pointer = useRef<HTMLSpanElement>(null);
  const shown = useRef(props);
  shown.current = props;
  const names = props.lines.map(({ name }) => name).join();

  // A chart is made anew where its lines are others.
  useEffect(() => {
    const element = root.current;
    if (element === null) return;
    const say = (text: string) => {
      if (pointer.current !== null) pointer.current.textContent = text;
    };
    const make = () => {
      plot.current?.destroy();
      plot.current = new uPlot(optionsFor(element, shown, say), dataOf(shown.current), element);
    };
    make();
    const sizes = new ResizeObserver(() =>
      plot.current?.setSize({ width: element.clientWidth, height: HEIGHT }),
    );
    sizes.observe(element);
    DARK.addEventListener('change', make);
    return () => {
      sizes.disconnect();
      DARK.removeEventListener('change', make);
      plot.current?.destroy();
    };
  }, [names]);
  useEffect(() => plot.current?.setData(dataOf(props)), [props.at, props.lines]);

  const last = props.lines
    .map(({ name, values }) => `${name} ${props.show(values.at(-1) ?? null)}`)
    .join(', ');
  return (
    <figure class="chart">
      <figcaption>
        {props.title}
        {props.lines.length > 1 &&
          props.lines.map(({ name, isMain }) => (
            <span key={name} class={isMain ? 'key main' : 'key'}>
              {name}
            </span>
          ))}
        <span ref={pointer} class="pointer" />
      </figcaption>
      <div ref={root} role="img" aria-label={`${props.title}: ${last}`} />
    </figure>
  );
}

const dataOf = ({ at, lines }: TimeChartProps): uPlot.AlignedData => [
  [...at],
  ...lines.map(({ values }) => [...values]),
];

/** The figures at the pointer. */
function pointedAt({ at, lines, show }: TimeChartProps, index: number | null | undefined): string {
  const time = index === null || index === undefined ? undefined : at[index];
  if (time === undefined) return '';
  const figures = lines.map(({ name, values }) => `${name} ${show(values[index as number] ?? null)}`);
  return [
    hourAndMinute(time),
    ...(lines.length === 1 ? figures.map((text) => text.replace(/^\w+ /, '')) : figures),
  ].join('  ');
}

function optionsFor(
  element: HTMLElement,
  shown: { readonly current: TimeChartProps },
  say: (text: string) => void,
): uPlot.Options {
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const { lines, show } = shown.current;
  const axis = {
    stroke: colour('--muted'),
    font: `12px ${style.fontFamily}`,
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
  };
  return {
    width: element.clientWidth,
    height: HEIGHT,
    padding: [10, 8, 0, 0],
    cursor: { sync: { key: 'page' }, y: false, points: { size: 6 } },
    legend: { show: false },
    scales: {
      x: { range: () => [shown.current.from, shown.current.to] },
      y: { range: (_plot, _least, most) => [0, Math.max(most, 1) * 1.1] },
    },
    axes: [
      { ...axis, size: 28, values: (_plot, times) => times.map(hourAndMinute) },
      { ...axis, size: 64, values: (_plot, values) => values.map((value) => show(value)) },
    ],
    series: [
      {},
      ...lines.map(({ name, isMain }) => ({
        label: name,
        stroke: colour(isMain ? '--accent' : '--muted'),
        width: isMain ? 1.6 : 1,
        ...(isMain ? {} : { fill: `${colour('--muted')}2e` }),
        points: { show: false },
      })),
    ],
    hooks: {
      draw: [(plot) => drawMarks(plot, shown.current.marks, colour)],
      setCursor: [({ cursor: { idx } }) => say(pointedAt(shown.current, idx))],
    },
  };
}

function drawMarks(plot: uPlot, marks: QueueHistory['marks'], colour: (name: string) => string): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.setLineDash([4, 4]);
  for (const { at, kind } of marks) {
    const x = Math.round(plot.valToPos(at, 'x', true)) + 0.5;
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.strokeStyle = colour(MARK_COLOURS[kind] ?? '--muted');
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

const MARK_COLOURS: Partial<Record<QueueHistory['marks'][number]['kind'], string>> = {
  halt: '--broken',
  'take-over': '--broken',
  pause: '--risk',
};

function hourAndMinute(seconds: number): string {
  const at = new Date(seconds * 1_000);
  return `${String(at.getHours()).padStart(2, '0')}:${String(at.getMinutes()).padStart(2, '0')}`;
}

// The central queues, a row each: what comes in and goes out, what waits and for how long, who works, what failed.
import type { DashboardState, QueueHistory } from '../../http/dashboard/state.ts';
import { type Span, Sparkline } from '../charts/sparkline.tsx';
import { useReading } from '../live/reading.ts';
import { grouped, layout, state } from '../live/store.ts';
import { Sentence } from '../parts/shown.tsx';
import { Table } from '../parts/table.tsx';
import { hashOf } from '../url/route.ts';
import { countOf, shortCount, shortRate, UNKNOWN } from '../words/numbers.ts';
import { shortSeconds, shownTime } from '../words/times.ts';

type Queue = DashboardState['queues'][number];

/** A row of the history is ten seconds, and a pixel of the longer one is some minutes. */
const EVERY_MS: Readonly<Record<Span, number>> = { '1h': 20_000, '24h': 120_000 };

export function QueueTable({ queues }: { readonly queues: readonly Queue[] }) {
  return (
    <Table
      caption="Central queues"
      rows={queues}
      keyOf={({ name }) => name}
      columns={[
        {
          name: 'Queue',
          show: ({ name, reason, ...queue }) => (
            <>
              <Name name={name} />
              <Later queue={queue} />
              {reason !== null && (
                <p class="reason">
                  <Sentence text={reason} />
                </p>
              )}
            </>
          ),
        },
        { name: 'In', isNumber: true, show: ({ inRate }) => shortRate(inRate) },
        { name: 'Out', isNumber: true, show: ({ outRate }) => shortRate(outRate) },
        { name: 'Waiting', isNumber: true, show: ({ waiting }) => shortCount(waiting) },
        { name: 'Oldest', isNumber: true, show: ({ age }) => shortSeconds(age) },
        { name: 'Drained in', isNumber: true, show: drainedWords },
        { name: 'Workers', show: (queue) => <WorkersInWords queue={queue} /> },
        { name: 'Retrying', isNumber: true, show: ({ retrying }) => <Some count={retrying} /> },
        { name: 'Dead', isNumber: true, show: (queue) => <Dead queue={queue} /> },
        { name: 'Last hour', show: ({ name }) => <Recent queue={name} span="1h" /> },
        { name: 'Last 24 h', show: ({ name }) => <Recent queue={name} span="24h" /> },
      ]}
    />
  );
}

/** A group that is not in the file any more has figures, and no page. */
function Name({ name }: { readonly name: string }) {
  if (!layout.value?.queues.some((queue) => queue.name === name)) return <>{name}</>;
  return <a href={hashOf({ page: 'queue', names: [name] })}>{name}</a>;
}

/** What goes into the queue later: events that wait for their time, and what schedules put in. */
function Later({
  queue: { delayed, nextDelayed, schedules },
}: {
  readonly queue: Omit<Queue, 'name' | 'reason'>;
}) {
  const now = state.value?.at ?? '';
  const [first, ...others] = schedules
    .filter(({ next, pausedBy }) => next !== null && pausedBy === null)
    .sort((a, b) => Date.parse(a.next ?? '') - Date.parse(b.next ?? ''));
  const paused = schedules.filter(({ pausedBy }) => pausedBy !== null).length;
  const words = [
    ...(delayed === 0
      ? []
      : [
          `${shortCount(delayed)} delayed${nextDelayed === null ? '' : `, next at ${shownTime(nextDelayed, now)}`}`,
        ]),
    ...(first === undefined
      ? []
      : [
          `${first.name} at ${shownTime(first.next ?? '', now)}${others.length === 0 ? '' : `, then ${others.length} more`}`,
        ]),
    ...(paused === 0 ? [] : [`${countOf(paused, 'schedule')} paused`]),
  ];
  return words.length === 0 ? null : <p class="later">{words.join(' · ')}</p>;
}

/** Nothing that waits is nothing to drain; what grows is never drained. */
export function drainedWords({ drainedIn, waiting, inRate, outRate }: Queue): string {
  if (drainedIn !== null) return shortSeconds(drainedIn);
  const isGrowing = inRate !== null && outRate !== null && outRate < inRate;
  return isGrowing && (waiting ?? 0) > inRate ? 'grows' : UNKNOWN;
}

function WorkersInWords({ queue }: { readonly queue: Queue }) {
  const { name, workersUp: up, workersWanted: wanted, workersBusy: busy } = queue;
  if (wanted === null)
    return <span class="muted">{grouped.value.has(name) ? 'in its groups' : 'forward only'}</span>;
  const text = `${up} of ${wanted}${busy === null ? '' : `, ${busy} busy`}`;
  return <span class={`workers ${up < wanted ? 'short' : ''}`}>{wanted === 0 ? 'parked' : text}</span>;
}

function Some({ count }: { readonly count: number }) {
  return <span class={count === 0 ? 'muted' : ''}>{shortCount(count)}</span>;
}

function Dead({ queue: { name, dead } }: { readonly queue: Queue }) {
  if (dead === 0) return <span class="muted">0</span>;
  return (
    <a class="bad" href={hashOf({ page: 'dead', options: { queue: name } })}>
      {shortCount(dead)}
    </a>
  );
}

function Recent({ queue, span }: { readonly queue: string; readonly span: Span }) {
  const path = `api/history?${new URLSearchParams({ queue, span })}`;
  const { value } = useReading<QueueHistory>(path, EVERY_MS[span]);
  return <Sparkline queue={queue} history={value} span={span} />;
}

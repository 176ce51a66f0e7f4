// One central queue: its figures, its hour or its day, its map, its workers; and scaling it.
import type { DashboardState, QueueDetail, QueueHistory } from '../../http/dashboard/state.ts';
import { CHART_SPANS, nowOr, type Span } from '../charts/sparkline.tsx';
import { TimeChart } from '../charts/time-chart.tsx';
import { useReading } from '../live/reading.ts';
import { grouped, layout, route, setOptions, state } from '../live/store.ts';
import { HeatMap, MapInWords } from '../maps/heat-map.tsx';
import { Inspector } from '../maps/inspector.tsx';
import { Legend } from '../maps/legend.tsx';
import { NeededHere } from '../parts/need.tsx';
import { Empty, Figure, Sentence, Titled, Unread } from '../parts/shown.tsx';
import { Table } from '../parts/table.tsx';
import { hashOf } from '../url/route.ts';
import { shortCount, shortRate, UNKNOWN, wholeCount } from '../words/numbers.ts';
import { shortSeconds, shownTime } from '../words/times.ts';
import { QueueActions } from './queue-actions.tsx';
import { drainedWords } from './queue-table.tsx';
import { WorkerTable } from './worker-table.tsx';

type Queue = DashboardState['queues'][number];

const CHARTS_EVERY_MS: Readonly<Record<Span, number>> = { '1h': 10_000, '24h': 60_000 };
const WORKERS_EVERY_MS = 2_000;

export function QueuePage({ name }: { readonly name: string }) {
  const known = layout.value?.queues.find((queue) => queue.name === name);
  const now = state.value?.queues.find((queue) => queue.name === name);
  if (layout.value === undefined) return <Empty>No figures yet.</Empty>;
  if (known === undefined)
    return (
      <Empty>
        No central queue is called {name}. <a href={hashOf({ page: 'overview' })}>All queues</a>
      </Empty>
    );
  const from = known.from.join(', ');
  // What needs somebody says the reason as well, and what to do.
  const needs = (state.value?.diagnoses ?? []).filter(
    ({ of, names }) => of === 'queue' && names.includes(name),
  );
  return (
    <>
      <div class="page-head">
        <p class="crumb">{known.groupOf === undefined ? 'Central queue' : `Group of ${known.groupOf}`}</p>
        <h1>{name}</h1>
        {from !== name && known.groupOf === undefined && <p class="note">gathers {from}</p>}
        {layout.value.actions && <QueueActions queue={known} now={now} />}
      </div>
      {now?.reason && needs.length === 0 && (
        <p class="reason wide">
          <Sentence text={now.reason} />
        </p>
      )}
      {needs.map((need) => (
        <NeededHere key={`${need.cause} ${need.sentence}`} need={need} />
      ))}
      {now !== undefined && <Figures now={now} />}
      <Charts name={name} />
      {known.isWorked && <WorkersSection name={name} />}
      {now !== undefined && now.schedules.length > 0 && <Schedules schedules={now.schedules} />}
      {known.groupOf === undefined && (
        <Titled id="map" title="Sources" note={<MapInWords queue={name} />}>
          <div class="map-card single">
            <HeatMap queue={name} hosts={layout.value.hosts} />
          </div>
          <Legend />
          <Inspector />
        </Titled>
      )}
    </>
  );
}

function Figures({ now }: { readonly now: Queue }) {
  const isShort = now.workersWanted !== null && now.workersUp < now.workersWanted;
  return (
    <dl class="figures">
      <Figure name="In">{shortRate(now.inRate)}</Figure>
      <Figure name="Out">{shortRate(now.outRate)}</Figure>
      <Figure name="Waiting">{shortCount(now.waiting)}</Figure>
      <Figure name="Oldest">{shortSeconds(now.age)}</Figure>
      <Figure name="Drained in">{drainedWords(now)}</Figure>
      <Figure name="Workers" note={workersNote(now)} tone={isShort ? 'broken' : undefined}>
        {now.workersWanted === null ? '–' : now.workersUp}
      </Figure>
      {now.delayed > 0 && (
        <Figure
          name="Delayed"
          note={
            now.nextDelayed === null
              ? undefined
              : `next at ${shownTime(now.nextDelayed, state.value?.at ?? '')}`
          }
        >
          {shortCount(now.delayed)}
        </Figure>
      )}
      {now.lanes > 0 && (
        <Figure
          name="Lanes"
          note={
            now.pausedKeys === 0
              ? undefined
              : `${shortCount(now.pausedKeys)} paused ${now.pausedKeys === 1 ? 'key' : 'keys'}, ${shortSeconds(now.pausedFor)}`
          }
        >
          {now.lanes}
        </Figure>
      )}
      <Figure name="Retrying">{shortCount(now.retrying)}</Figure>
      <Figure name="Dead" tone={now.dead > 0 ? 'broken' : undefined}>
        {now.dead === 0 ? (
          0
        ) : (
          <a href={hashOf({ page: 'dead', options: { queue: now.name } })}>{shortCount(now.dead)}</a>
        )}
      </Figure>
    </dl>
  );
}

function workersNote({ name, workersWanted: wanted, workersBusy: busy }: Queue): string {
  if (wanted === null) return grouped.value.has(name) ? 'in its groups' : 'forward only';
  if (wanted === 0) return 'parked';
  return `of ${wanted}${busy === null ? '' : `, ${busy} busy`}`;
}

function Charts({ name }: { readonly name: string }) {
  const span: Span = route.value.options.span === '24h' ? '24h' : '1h';
  const path = `api/history?${new URLSearchParams({ queue: name, span })}`;
  const { value, error } = useReading<QueueHistory>(path, CHARTS_EVERY_MS[span]);
  return (
    <Titled id="history" title="Over time" side={<SpanSwitch span={span} />}>
      {value === undefined ? (
        <Unread error={error} what="the history" />
      ) : (
        <Lines history={value} span={span} />
      )}
    </Titled>
  );
}

function SpanSwitch({ span }: { readonly span: Span }) {
  return (
    <fieldset class="switch">
      <legend class="unseen">Span of the charts</legend>
      {(Object.keys(CHART_SPANS) as Span[]).map((one) => (
        <label key={one} class={one === span ? 'on' : ''}>
          <input
            type="radio"
            class="unseen"
            name="span"
            checked={one === span}
            onChange={() => setOptions({ span: one === '1h' ? '' : one })}
          />
          {CHART_SPANS[one].name}
        </label>
      ))}
    </fieldset>
  );
}

function Lines({ history, span }: { readonly history: QueueHistory; readonly span: Span }) {
  const { at, inRate, outRate, waiting, age, marks } = history;
  if (at.length < 2) return <Empty>Nothing has been measured yet: a figure is kept every ten seconds.</Empty>;
  const to = nowOr(at.at(-1) ?? 0);
  const common = { at, from: to - CHART_SPANS[span].seconds, to, marks };
  return (
    <>
      <div class="charts">
        <TimeChart
          {...common}
          title="Events"
          lines={[
            { name: 'in', values: inRate },
            { name: 'out', values: outRate, isMain: true },
          ]}
          show={shortRate}
        />
        <TimeChart
          {...common}
          title="Waiting"
          lines={[{ name: 'waiting', values: waiting, isMain: true }]}
          show={shortCount}
        />
        <TimeChart
          {...common}
          title="Age of the oldest"
          lines={[{ name: 'age', values: age, isMain: true }]}
          show={shortSeconds}
        />
      </div>
      <Marks marks={marks.filter((mark) => mark.at >= common.from)} />
    </>
  );
}

function Marks({ marks }: { readonly marks: QueueHistory['marks'] }) {
  if (marks.length === 0) return null;
  const now = state.value?.at ?? '';
  return (
    <ol class="marks" aria-label="What happened">
      {marks.toReversed().map(({ at, kind, text }) => (
        <li key={`${at} ${text}`} class={kind}>
          <time>{shownTime(new Date(at * 1_000).toISOString(), now)}</time> {text}
        </li>
      ))}
    </ol>
  );
}

function Schedules({ schedules }: { readonly schedules: Queue['schedules'] }) {
  const now = state.value?.at ?? '';
  const timeOf = (at: string | null) =>
    at === null ? UNKNOWN : <time dateTime={at}>{shownTime(at, now)}</time>;
  return (
    <Titled id="schedules" title="Schedules">
      <Table
        caption="Schedules"
        rows={schedules}
        keyOf={({ name }) => name}
        columns={[
          { name: 'Schedule', show: ({ name }) => name },
          { name: 'Cron', show: ({ cron }) => <code>{cron}</code> },
          { name: 'Zone', show: ({ zone }) => zone },
          { name: 'Last', show: ({ last }) => timeOf(last) },
          {
            name: 'Next',
            show: ({ next, pausedBy }) => (pausedBy === null ? timeOf(next) : `paused by ${pausedBy}`),
          },
          { name: 'Sent', isNumber: true, show: ({ sent }) => wholeCount(sent) },
        ]}
      />
    </Titled>
  );
}

function WorkersSection({ name }: { readonly name: string }) {
  const path = `api/queue?${new URLSearchParams({ name })}`;
  const { value, error } = useReading<QueueDetail>(path, WORKERS_EVERY_MS);
  return (
    <Titled id="workers" title="Workers">
      {value === undefined ? (
        <Unread error={error} what="the workers" />
      ) : (
        <WorkerTable workers={value.workers} />
      )}
    </Titled>
  );
}

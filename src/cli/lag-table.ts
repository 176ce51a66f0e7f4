// Lag as tables for people: central queues, sources that are not healthy with their reasons, or all grouped.

import { plain } from '../lifecycle/plain.ts';
import {
  type CentralLag,
  type LagReport,
  type SourceLag,
  type SourceState,
  unhealthy,
} from '../observability/lag-report.ts';
import { wrapped } from './fit.ts';
import { type Column, count, seconds, table } from './output.ts';

export type Grouping = 'shard' | 'queue' | 'source';

export interface LagTableOptions {
  /** Undefined: only what is not healthy. */
  readonly by?: Grouping | undefined;
  readonly maxSeconds: number;
  readonly width: number | undefined;
}

const MOST_SHOWN = 20;
/** A figure older than this is shown with its age. */
const AGED_SECONDS = 10;

export function lagText(report: LagReport, { by, maxSeconds, width }: LagTableOptions): string {
  const central = withNotes(table(CENTRAL, report.central, { width }), report.central, width);
  if (by === 'source')
    return `${central}\n${withNotes(table(SOURCE, report.sources, { width }), report.sources, width)}`;
  if (by !== undefined) return `${central}\n${groups(report.sources, { by, width })}`;
  const bad = unhealthy(report.sources, maxSeconds);
  const shown = bad.slice(0, MOST_SHOWN);
  const list = shown.length === 0 ? '' : `\n${withNotes(table(SOURCE, shown, { width }), shown, width)}`;
  const rest = wrapped(restOf(report.sources, { bad, shown: shown.length }), width);
  return `${central}${list}\n${rest}\n`;
}

const CENTRAL: readonly Column<CentralLag>[] = [
  { title: 'central queue', value: ({ queue }) => queue },
  {
    title: 'workers',
    align: 'right',
    value: ({ workersRunning, workersWanted }) =>
      workersWanted === undefined ? undefined : `${count(workersRunning)} of ${count(workersWanted)}`,
  },
  { title: 'events behind', align: 'right', value: eventsOf },
  { title: 'behind', align: 'right', value: secondsOf },
  { title: 'retrying', align: 'right', value: ({ retrying }) => retrying },
  { title: 'dead', align: 'right', value: ({ dead }) => dead },
];

const SOURCE: readonly Column<SourceLag>[] = [
  { title: 'source', value: ({ shard, queue }) => `${shard}:${queue}` },
  { title: 'state', value: ({ state }) => state },
  { title: 'events behind', align: 'right', value: eventsOf },
  { title: 'behind', align: 'right', value: secondsOf },
  { title: 'moved', align: 'right', value: ({ moved }) => moved },
  { title: 'mover', value: ({ mover }) => mover },
  {
    title: 'seen',
    value: ({ ageSeconds }) => {
      if (ageSeconds === undefined) return 'never';
      return ageSeconds > AGED_SECONDS ? `${seconds(ageSeconds)} ago` : 'now';
    },
  },
];

interface Figured {
  readonly eventsBehind: number | undefined;
  readonly isExact: boolean;
  readonly secondsBehind: number | undefined;
}

function eventsOf({ eventsBehind, isExact }: Figured): string | undefined {
  return eventsBehind === undefined ? undefined : `${isExact ? '' : '~'}${count(eventsBehind)}`;
}

function secondsOf({ secondsBehind }: Figured): string | undefined {
  return secondsBehind === undefined ? undefined : seconds(secondsBehind);
}

/** Under each row its reason, in full, unless the row above has the same one. */
function withNotes(
  text: string,
  rows: readonly { readonly reason: string | undefined }[],
  width: number | undefined,
): string {
  const [title = '', ...lines] = text.trimEnd().split('\n');
  const noted = lines.flatMap((line, at) => {
    const reason = rows[at]?.reason;
    return reason === undefined || reason === rows[at - 1]?.reason
      ? [line]
      : [line, wrapped(`  ${plain(reason)}`, width)];
  });
  return `${[title, ...noted].join('\n')}\n`;
}

interface Group {
  readonly name: string;
  readonly centralQueue: string;
  readonly sources: SourceLag[];
}

function groups(
  sources: readonly SourceLag[],
  { by, width }: { readonly by: 'shard' | 'queue'; readonly width: number | undefined },
): string {
  const byName = new Map<string, Group>();
  for (const source of sources) {
    const name = source[by];
    const group = byName.get(name) ?? { name, centralQueue: source.centralQueue, sources: [] };
    group.sources.push(source);
    byName.set(name, group);
  }
  const columns: Column<Group>[] = [
    { title: by, value: ({ name }) => name },
    ...(by === 'queue' ? [{ title: 'central queue', value: ({ centralQueue }: Group) => centralQueue }] : []),
    { title: 'sources', value: ({ sources: own }) => own.length },
    { title: 'states', value: ({ sources: own }) => statesOf(own) },
    { title: 'events behind', align: 'right', value: ({ sources: own }) => eventsOf(sumOf(own)) },
    { title: 'behind', align: 'right', value: ({ sources: own }) => secondsOf(sumOf(own)) },
    { title: 'moved', align: 'right', value: ({ sources: own }) => sum(own.map(({ moved }) => moved)) },
  ];
  if (by === 'shard')
    columns.push({
      title: 'mover',
      value: ({ sources: own }) => own.find(({ mover }) => mover !== undefined)?.mover,
    });
  const rows = [...byName.values()];
  const noted = rows.map(({ sources: own }) => ({
    reason: unhealthy(own, Number.POSITIVE_INFINITY)[0]?.reason,
  }));
  return withNotes(table(columns, rows, { width }), noted, width);
}

/** What is not known of one is not known of the sum; seconds are those of the one furthest behind. */
function sumOf(sources: readonly SourceLag[]): Figured {
  const known = sources.filter(({ eventsBehind }) => eventsBehind !== undefined);
  return {
    eventsBehind: known.length === 0 ? undefined : sum(known.map(({ eventsBehind }) => eventsBehind ?? 0)),
    isExact: known.length === sources.length && sources.every(({ isExact }) => isExact),
    secondsBehind:
      known.length === 0 ? undefined : Math.max(...known.map(({ secondsBehind }) => secondsBehind ?? 0)),
  };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);

const ORDER: readonly SourceState[] = ['halted', 'unreachable', 'unassigned', 'paused', 'moving', 'idle'];

/** `2 unreachable, 8 idle` */
function statesOf(sources: readonly SourceLag[]): string {
  return ORDER.map((state) => ({ state, own: sources.filter((source) => source.state === state).length }))
    .filter(({ own }) => own > 0)
    .map(({ state, own }) => `${count(own)} ${state}`)
    .join(', ');
}

function restOf(
  sources: readonly SourceLag[],
  { bad, shown }: { readonly bad: readonly SourceLag[]; readonly shown: number },
): string {
  const rest = sources.filter((source) => !bad.includes(source));
  const hidden = bad.slice(shown);
  const well = `${count(rest.length)} of ${count(sources.length)} sources are healthy${rest.length === 0 ? '' : `: ${statesOf(rest)}, at most ${secondsOf(sumOf(rest))} behind`}`;
  return hidden.length === 0
    ? `${well}.`
    : `${count(hidden.length)} more are not healthy (${statesOf(hidden)}; --by source lists all), ${well}.`;
}

// Lag as tables for people: central queues, sources that are not healthy with their reasons, or all grouped.

import { counted } from '../../errors/words.ts';
import { plain } from '../../lifecycle/plain.ts';
import { type Alike, alike } from '../../observability/lag/alike.ts';
import {
  type CentralLag,
  catchUpSeconds,
  fedBy,
  hasBacklog,
  type LagReport,
  type LagState,
  type SourceLag,
  unhealthy,
  unroutedOf,
} from '../../observability/lag/report.ts';
import { wrapped } from './fit.ts';
import { type Column, count, seconds, table } from './output.ts';

export type Grouping = 'shard' | 'queue' | 'source';

export interface LagTableOptions {
  /** Undefined: only rows that are not healthy. */
  readonly by?: Grouping | undefined;
  readonly maxSeconds: number;
  readonly width: number | undefined;
}

const MOST_SHOWN = 20;
/** On a narrower terminal what is only good to know is left out; where there is still less room, what can do without a column. */
const ROOMY = 80;
const WIDE = 100;
const NARROW = 60;
/** Most shards that are named in one row. */
const MOST_NAMED = 8;
/** A figure older than this is shown with its age. */
const AGED_SECONDS = 2;

export function lagText(report: LagReport, options: LagTableOptions): string {
  const { filesDiffer, sources } = report;
  const unrouted = [...unroutedOf(sources)].map(
    ([queue, events]) =>
      `${count(events)} events of source queue ${queue} went nowhere: no route takes them.`,
  );
  const lines = [...unrouted, ...(filesDiffer === undefined ? [] : [filesDiffer])];
  return [tables(report, options), ...lines.map((line) => `${wrapped(plain(line), options.width)}\n`)].join(
    '\n',
  );
}

function tables(report: LagReport, { by, maxSeconds, width }: LagTableOptions): string {
  const isDelaying = report.central.some(({ delayed = 0 }) => delayed > 0);
  const isWide = width === undefined || width >= WIDE;
  const columns = isDelaying && isWide ? [...CENTRAL, DELAYED] : CENTRAL;
  const notes = report.central.map((one) => [...notesOf(one), ...(isWide ? [] : delayedOf(one))]);
  const central = withNotes(table(columns, report.central, { width }), notes, width);
  if (by === 'source')
    return `${central}\n${withNotes(table(SOURCE, report.sources, { width }), report.sources.map(reasonOf), width)}`;
  if (by !== undefined) return `${central}\n${groups(report.sources, { by, width })}`;
  const bad = unhealthy(report.sources, maxSeconds);
  const shown = alike(bad).slice(0, MOST_SHOWN);
  const list =
    shown.length === 0 ? '' : `\n${withNotes(table(ALIKE, shown, { width }), shown.map(noteOf), width)}`;
  const rest = wrapped(
    restOf(report.sources, { bad, shown: shown.flatMap(({ sources }) => sources) }),
    width,
  );
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
  { title: 'in/s', align: 'right', from: ROOMY, value: ({ inPerSecond }) => rateOf(inPerSecond) },
  { title: 'out/s', align: 'right', from: ROOMY, value: ({ outPerSecond }) => rateOf(outPerSecond) },
  { title: 'retrying', align: 'right', from: NARROW, value: ({ retrying }) => retrying },
  { title: 'dead', align: 'right', value: ({ dead }) => dead },
];

/** Only where there are any, and room for it. */
const DELAYED: Column<CentralLag> = { title: 'delayed', align: 'right', value: ({ delayed }) => delayed };

/** The same in words. */
const delayedOf = ({ delayed = 0 }: CentralLag): string[] =>
  delayed === 0
    ? []
    : [`${count(delayed)} delayed ${delayed === 1 ? 'event waits for its' : 'events wait for their'} time.`];

const SOURCE: readonly Column<SourceLag>[] = [
  { title: 'source', value: ({ shard, queue }) => `${shard}:${queue}` },
  { title: 'state', value: ({ state }) => state },
  { title: 'events behind', align: 'right', value: eventsOf },
  { title: 'behind', align: 'right', value: secondsOf },
  { title: 'moved', align: 'right', from: ROOMY, value: ({ moved }) => moved },
  { title: 'mover', from: NARROW, value: ({ mover }) => mover },
  { title: 'seen', value: ({ ageSeconds }) => seenOf(ageSeconds) },
];

/** Sources that are not healthy; several with the same reason are one row. */
const ALIKE: readonly Column<Alike>[] = [
  {
    title: 'source',
    value: ({ sources, shards }) =>
      sources.length === 1
        ? `${shards[0]}:${sources[0]?.queue}`
        : `${count(sources.length)} of ${shards.length === 1 ? shards[0] : `${count(shards.length)} shards`}`,
  },
  { title: 'state', value: ({ state }) => state },
  { title: 'for', align: 'right', from: WIDE, value: ({ sources }) => longest(sources) },
  { title: 'events behind', align: 'right', value: ({ sources }) => eventsOf(sumOf(sources)) },
  { title: 'behind', align: 'right', value: ({ sources }) => secondsOf(sumOf(sources)) },
  {
    title: 'moved',
    align: 'right',
    from: WIDE,
    value: ({ sources }) => sum(sources.map(({ moved }) => moved)),
  },
  { title: 'mover', from: NARROW, value: ({ sources }) => theOne(sources.map(({ mover }) => mover)) },
  {
    title: 'seen',
    from: NARROW,
    value: ({ sources }) => seenOf(oldest(sources.map(({ ageSeconds }) => ageSeconds))),
  },
];

const seenOf = (ageSeconds: number | undefined): string => {
  if (ageSeconds === undefined) return 'never';
  return ageSeconds > AGED_SECONDS ? `${seconds(ageSeconds)} ago` : 'now';
};

/** Rounded to the precision that the figure has. */
const rateOf = (perSecond: number | undefined): string | undefined => {
  if (perSecond === undefined) return undefined;
  return perSecond < 10 ? String(Math.round(perSecond * 10) / 10) : count(Math.round(perSecond));
};

function longest(sources: readonly SourceLag[]): string | undefined {
  const known = sources.map(({ stateSeconds }) => stateSeconds).filter((one) => one !== undefined);
  return known.length === 0 ? undefined : seconds(Math.max(...known));
}

const theOne = <T>(values: readonly T[]): T | undefined =>
  values.every((value) => value === values[0]) ? values[0] : undefined;

const oldest = (ages: readonly (number | undefined)[]): number | undefined =>
  ages.some((age) => age === undefined) ? undefined : Math.max(...ages.map((age) => age ?? 0));

const reasonOf = ({ reason }: SourceLag): string[] => (reason === undefined ? [] : [reason]);

/** `day_01, day_02, day_03 and 9 more: ` before the reason of the first. */
function noteOf({ shards, reason }: Alike): string[] {
  if (reason === undefined) return [];
  if (shards.length === 1) return [reason];
  const more = shards.length > MOST_NAMED ? ` and ${count(shards.length - MOST_NAMED)} more` : '';
  return [`${shards.slice(0, MOST_NAMED).join(', ')}${more}: ${reason}`];
}

/** Why its workers make no progress, when they will have caught up, and how far long batches are. */
function notesOf(central: CentralLag): string[] {
  const { reason, batches } = central;
  const progress = batches.map(({ slot, done, events, seconds: age }) => {
    const of = events === undefined ? '' : ` of about ${count(events)}`;
    return `${slot} is at ${count(done)}${of} events of a batch, since ${seconds(age)}.`;
  });
  return [...(reason === undefined ? [] : [reason]), ...outlook(central), ...progress, ...lanesOf(central)];
}

/** Only while their number changes. */
const lanesOf = ({ queue, lanes = 0, nextLanes }: CentralLag): string[] =>
  nextLanes === undefined
    ? []
    : [
        `${queue} has ${lanes === 0 ? 'no lanes' : counted(lanes, 'lane')} until what came before the change is handled, then ${nextLanes === 0 ? 'none' : nextLanes}.`,
      ];

/** When they will have caught up, by the rates of the last minute, as the sentence says. */
function outlook(central: CentralLag): string[] {
  const { queue, inPerSecond, outPerSecond } = central;
  if (!hasBacklog(central) || inPerSecond === undefined || outPerSecond === undefined) return [];
  // Workers that make no progress have a reason of their own.
  if (central.isStuck || outPerSecond === 0) return [];
  const left = catchUpSeconds(central);
  return [
    left === undefined
      ? `Queue ${queue} gets no less: about as much came in over the last minute as was handled, or more.`
      : `At the rates of the last minute queue ${queue} has caught up in about ${seconds(left)}.`,
  ];
}

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

/** Puts the notes of each row under it, in full, unless the row above has the same ones. */
function withNotes(text: string, notes: readonly (readonly string[])[], width: number | undefined): string {
  const [title = '', ...lines] = text.trimEnd().split('\n');
  const noted = lines.flatMap((line, at) => {
    const own = notes[at] ?? [];
    if (own.join('\n') === notes[at - 1]?.join('\n')) return [line];
    return [line, ...own.map((note) => wrapped(`  ${plain(note)}`, width))];
  });
  return `${[title, ...noted].join('\n')}\n`;
}

interface Group {
  readonly name: string;
  readonly fed: readonly string[];
  readonly sources: SourceLag[];
}

function groups(
  sources: readonly SourceLag[],
  { by, width }: { readonly by: 'shard' | 'queue'; readonly width: number | undefined },
): string {
  const byName = new Map<string, Group>();
  for (const source of sources) {
    const name = source[by];
    const group = byName.get(name) ?? { name, fed: fedBy(source), sources: [] };
    group.sources.push(source);
    byName.set(name, group);
  }
  const columns: Column<Group>[] = [
    { title: by, value: ({ name }) => name },
    ...(by === 'queue' ? [{ title: 'central queue', value: ({ fed }: Group) => fed.join(', ') }] : []),
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
  const noted = rows.map(({ sources: own }) =>
    unhealthy(own, Number.POSITIVE_INFINITY).slice(0, 1).flatMap(reasonOf),
  );
  return withNotes(table(columns, rows, { width }), noted, width);
}

/** A sum with an unknown part is unknown; seconds are those of the source furthest behind. */
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

const ORDER: readonly LagState[] = ['halted', 'unreachable', 'unassigned', 'paused', 'moving', 'idle'];

/** `2 unreachable, 8 idle` */
function statesOf(sources: readonly SourceLag[]): string {
  return ORDER.map((state) => ({ state, own: sources.filter((source) => source.state === state).length }))
    .filter(({ own }) => own > 0)
    .map(({ state, own }) => `${count(own)} ${state}`)
    .join(', ');
}

function restOf(
  sources: readonly SourceLag[],
  { bad, shown }: { readonly bad: readonly SourceLag[]; readonly shown: readonly SourceLag[] },
): string {
  const rest = sources.filter((source) => !bad.includes(source));
  const hidden = bad.filter((source) => !shown.includes(source));
  const well = `${count(rest.length)} of ${count(sources.length)} sources are healthy${rest.length === 0 ? '' : `: ${statesOf(rest)}, at most ${secondsOf(sumOf(rest))} behind`}`;
  return hidden.length === 0
    ? `${well}.`
    : `${count(hidden.length)} more are not healthy (${statesOf(hidden)}; --by source lists all), ${well}.`;
}

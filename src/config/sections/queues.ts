// `queues:` → the central queues, the source queues that feed them, and their workers.

import { readApply } from '../applied-tables.ts';
import type { ColumnMap, Config, OriginColumn, Queue, StartingPoint } from '../config.ts';
import type { Section } from '../section.ts';
import { either, type Value } from '../value.ts';
import { compact } from './database.ts';
import { whyUnfit } from './expression.ts';
import { positive, readHowHandled, readWorkers } from './handling.ts';
import { readGroups } from './queue/groups.ts';
import { readLanes } from './queue/lanes.ts';
import { readRedact } from './redact.ts';
import { type PlacedQueue, readRoutes } from './routes.ts';

const KEYS = [
  ...[
    'workers',
    'handler',
    'apply',
    'from',
    'where',
    'deliver_at',
    'unique',
    'columns',
    'start',
    'create',
    'origin',
    'on_poison',
  ],
  ...[
    'keep',
    'dead',
    'backlog',
    'waiting',
    'adopt',
    'groups',
    'timeout',
    'retry',
    'rate',
    'weight',
    'recycle',
    'results',
    'redact',
    'key',
    'lanes',
    'on_failure',
    'fair',
    'limits',
  ],
];
const COLUMNS = ['type', 'data', 'extra1', 'extra2', 'extra3', 'extra4'] as const;
const ORIGINS: readonly OriginColumn[] = ['extra1', 'extra2', 'extra3', 'extra4', 'none'];
const EXAMPLE = '`orders: { workers: 4, handler: ./handlers/orders.js }`';

/**
 * @param keepMs from `mover.keep`, for queues that do not say.
 * @param routes which of several central queues of one source queue get an event.
 */
export function readQueues(
  value: Value,
  { keepMs, routes }: { readonly keepMs: number; readonly routes: Value | undefined },
): Pick<Config, 'queues' | 'routes'> {
  const entries = value.entries(`a map from each central queue to its settings, such as ${EXAMPLE}`);
  if (entries === undefined) return { queues: [] };
  if (entries.length === 0) value.problem(`\`queues\` names no queue: add one, such as ${EXAMPLE}.`);
  const names = new Set(entries.map(([name]) => name));
  const queues = entries.flatMap(([name, entry]) => {
    const section = entry.section(KEYS, `a map of settings, such as ${EXAMPLE}`);
    return section === undefined ? [] : [readQueue({ name, entry, section }, { keepMs, names })];
  });
  return compact({ queues: queues.map(({ queue }) => queue), routes: readRoutes(routes, queues) });
}

interface Given {
  readonly name: string;
  readonly entry: Value;
  readonly section: Section;
}

interface Others {
  readonly keepMs: number;
  /** Of all central queues. */
  readonly names: ReadonlySet<string>;
}

function readQueue({ name, entry, section }: Given, { keepMs, names }: Others): PlacedQueue {
  const said = compact({ ...readHowHandled(section, entry), deadMs: positive(section.get('dead')) });
  const groups = readGroups(section, { entry, names, queue: name, defaults: said });
  const { handler, ...handling } = said;
  const apply = readApply(section);
  const origin = section.get('origin')?.oneOf(ORIGINS) ?? 'extra4';
  const columns = readColumns(section.get('columns'), origin);
  const placeOf = readFrom(section.get('from'), { name, entry });
  // What the entry says of workers counts for those groups that say nothing, and no group is without a name.
  const workers = groups === undefined ? readWorkers(section, { handler, entry }) : ('none' as const);
  const queue: Queue = compact({
    name,
    workers,
    handler: groups === undefined && apply === undefined ? handler : undefined,
    apply: groups === undefined ? apply : undefined,
    groups,
    lanes: readLanes(section, { entry, origin, workers, groups, isApplied: apply !== undefined }),
    from: [...placeOf.keys()],
    where: readExpression(section.get('where'), 'an SQL condition'),
    deliverAt: readExpression(section.get('deliver_at'), 'an SQL expression that gives a time'),
    unique: readUnique(section.get('unique')),
    columns,
    start: readStart(section.get('start')),
    create: section.get('create')?.yesOrNo() ?? false,
    origin,
    onPoison: section.get('on_poison')?.oneOf(['dead', 'halt']) ?? ('dead' as const),
    redact: readRedact(section.get('redact'), origin),
    keepMs: section.get('keep')?.duration() ?? keepMs,
    backlogBytes: readBacklog(section.get('backlog')),
    mostWaiting: section.get('waiting')?.whole('a whole number of events such as 1000000', { min: 1 }),
    adopt: section.get('adopt')?.text('the name of a consumer'),
    ...handling,
  });
  return { queue, placeOf };
}

function readBacklog(value: Value | undefined): number | undefined {
  const bytes = value?.size();
  if (bytes === 0)
    value?.problem(`${value.name} would let nothing through: say a size such as \`10GB\`, or leave it out.`);
  return bytes;
}

/** @returns the source queues, each with where it stands. */
function readFrom(
  value: Value | undefined,
  { name, entry }: Pick<Given, 'name' | 'entry'>,
): Map<string, Value> {
  if (value === undefined) return new Map([[name, entry]]);
  const names = new Map<string, Value>();
  for (const item of value.list() ?? [value]) {
    const text = item.text('the name of a source queue, or a list of names');
    if (text === undefined) continue;
    if (names.has(text)) item.problem(`${item.name} repeats the source queue \`${text}\`: keep it once.`);
    else names.set(text, item);
  }
  return names;
}

function readColumns(value: Value | undefined, origin: OriginColumn): ColumnMap {
  const section = value?.section(COLUMNS, 'a map from a column to an SQL expression');
  const columns: Partial<Record<(typeof COLUMNS)[number], string>> = {};
  for (const column of COLUMNS) {
    const expression = section?.get(column);
    const text = readExpression(expression, 'an SQL expression');
    if (expression === undefined || text === undefined) continue;
    columns[column] = text;
    if (column === origin) {
      expression.problem(
        `${expression.name} is the column of the origin: map another one, or set \`origin\` to a free column.`,
      );
    }
  }
  return columns;
}

function readUnique(value: Value | undefined): Queue['unique'] {
  const wanted = 'such as `{ key: "ev_extra1", for: 1h }`';
  const section = value?.section(['key', 'for'], `a map ${wanted}`);
  if (section === undefined) return undefined;
  const key = readExpression(section.require('key', `an SQL expression, ${wanted}`), 'an SQL expression');
  const forMs = positive(section.require('for', `how long a key is unique, ${wanted}`));
  return { key: key ?? '', forMs: forMs ?? 0 };
}

/** It goes in brackets into the statement that reads the shard, and must not close them. */
function readExpression(value: Value | undefined, wanted: string): string | undefined {
  const text = value?.text(wanted);
  const unfit = text === undefined ? undefined : whyUnfit(text);
  if (unfit !== undefined) value?.problem(`${value.name} ${unfit}.`);
  return text;
}

/** Undefined: it is none. */
export function parseStart(text: string): StartingPoint | undefined {
  if (text === 'now' || text === 'oldest') return { at: text };
  const consumer = /^at-consumer\s+(\S.*)$/.exec(text.trim())?.[1];
  return consumer === undefined ? undefined : { at: 'consumer', name: consumer };
}

/** `oldest`, `now` or `at-consumer NAME`, of a queue or of a shard. */
export function readStart(value: Value | undefined): StartingPoint | undefined {
  if (value === undefined) return undefined;
  const wanted = `${either(['now', 'oldest'])}, or \`at-consumer NAME\``;
  const text = value.scalar(wanted);
  if (text === undefined) return undefined;
  return parseStart(text.text) ?? value.problem(`${value.name} must be ${wanted}, not ${text.shown}.`);
}

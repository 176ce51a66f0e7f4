// `queues:` → the central queues, the source queues that feed them, and their workers.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ColumnMap, OriginColumn, Queue, Recycle, StartingPoint } from '../config.ts';
import type { Section } from '../section.ts';
import { either, type Value } from '../value.ts';
import { compact } from './database.ts';
import { whyUnfit } from './expression.ts';
import { readRedact } from './redact.ts';

const KEYS = [
  ...[
    'workers',
    'handler',
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
    'timeout',
    'retry',
    'rate',
    'weight',
    'recycle',
    'redact',
  ],
];
const COLUMNS = ['type', 'data', 'extra1', 'extra2', 'extra3', 'extra4'] as const;
const ORIGINS: readonly OriginColumn[] = ['extra1', 'extra2', 'extra3', 'extra4', 'none'];
const EXAMPLE = '`orders: { workers: 4, handler: ./handlers/orders.js }`';

/** Of one queue, over all hosts. */
export const MOST_WORKERS = 1_000;

/** @param keepMs from `mover.keep`, for queues that do not say. */
export function readQueues(value: Value, keepMs: number): Queue[] {
  const entries = value.entries(`a map from each central queue to its settings, such as ${EXAMPLE}`);
  if (entries === undefined) return [];
  if (entries.length === 0) value.problem(`\`queues\` names no queue: add one, such as ${EXAMPLE}.`);
  const feeds = new Map<string, { queue: string; line: number }>();
  return entries.flatMap(([name, entry]) => {
    const section = entry.section(KEYS, `a map of settings, such as ${EXAMPLE}`);
    return section === undefined ? [] : readQueue({ name, entry, section }, { keepMs, feeds });
  });
}

interface Given {
  readonly name: string;
  readonly entry: Value;
  readonly section: Section;
}

interface Others {
  readonly keepMs: number;
  /** Which central queue takes which source queue. */
  readonly feeds: Map<string, { queue: string; line: number }>;
}

function readQueue({ name, entry, section }: Given, { keepMs, feeds }: Others): Queue {
  const handler = readHandler(section, entry);
  const origin = section.get('origin')?.oneOf(ORIGINS) ?? 'extra4';
  const columns = readColumns(section.get('columns'), origin);
  return compact({
    name,
    workers: readWorkers(section, { handler, entry }),
    handler,
    from: readFrom(section.get('from') ?? entry, { name, feeds }),
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
    deadMs: positive(section.get('dead')),
    backlogBytes: readBacklog(section.get('backlog')),
    mostWaiting: section.get('waiting')?.whole('a whole number of events such as 1000000', { min: 1 }),
    adopt: section.get('adopt')?.text('the name of a consumer'),
    timeoutMs: positive(section.get('timeout')) ?? 5 * 60_000,
    retry: readRetry(section.get('retry')),
    ratePerSecond: section.get('rate')?.rate(),
    weight: section.get('weight')?.whole('a whole number from 1 to 1000', { min: 1, max: 1_000 }),
    recycle: readRecycle(section.get('recycle')),
  });
}

function readBacklog(value: Value | undefined): number | undefined {
  const bytes = value?.size();
  if (bytes === 0)
    value?.problem(`${value.name} would let nothing through: say a size such as \`10GB\`, or leave it out.`);
  return bytes;
}

function readHandler(section: Section, entry: Value): string | undefined {
  const file = section.get('handler')?.text('the path of a module');
  return file === undefined ? undefined : resolve(entry.source.folder, file);
}

function readWorkers(
  section: Section,
  { handler, entry }: { handler: string | undefined; entry: Value },
): Queue['workers'] {
  const value = section.get('workers');
  const hasHandler = section.get('handler') !== undefined;
  // Without a handler the queue is parked, not left without a group: nothing in it may be rotated away unread.
  if (value === undefined) {
    if (handler !== undefined) warnIfMissing(handler, section.get('handler'));
    return hasHandler ? 1 : 0;
  }
  const wanted = `a whole number from 0 to ${MOST_WORKERS}, or \`none\``;
  const text = value.scalar(wanted);
  if (text === undefined) return 0;
  if (text.text === 'none') return 'none';
  const workers = value.whole(wanted, { max: MOST_WORKERS }) ?? 0;
  if (workers > 0 && !hasHandler) {
    value.problem(
      `${entry.name} wants workers and has no handler: add \`handler: ./handlers/…\`, or say \`workers: 0\` to park it or \`workers: none\` to forward only.`,
    );
  } else if (workers > 0 && handler !== undefined) warnIfMissing(handler, section.get('handler'));
  return workers;
}

function warnIfMissing(handler: string, value: Value | undefined): void {
  if (!existsSync(handler)) value?.warn(`${value.name} names a file that does not exist: ${handler}.`);
}

function readFrom(value: Value, { name, feeds }: { name: string; feeds: Others['feeds'] }): string[] {
  const wanted = 'the name of a source queue, or a list of names';
  const isGiven = value.name.endsWith('.from`');
  const items = isGiven ? (value.list() ?? [value]) : [];
  const names = isGiven
    ? items.flatMap((item): [string, Value][] => {
        const text = item.text(wanted);
        return text === undefined ? [] : [[text, item]];
      })
    : [[name, value] as [string, Value]];
  for (const [source, at] of names) {
    const other = feeds.get(source);
    if (other === undefined) feeds.set(source, { queue: name, line: at.line });
    else if (other.queue === name)
      at.problem(`${at.name} repeats the source queue \`${source}\`: keep it once.`);
    else {
      at.problem(
        `The source queue \`${source}\` feeds \`${name}\` here and \`${other.queue}\` in line ${other.line}: a source goes to one central queue, so take it out of one.`,
      );
    }
  }
  return names.map(([source]) => source);
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

function readRetry(value: Value | undefined): Queue['retry'] {
  const section = value?.section(['attempts', 'first', 'max']);
  const attempts =
    section?.get('attempts')?.whole('a whole number of 1 or more', { min: 1, max: 1_000 }) ?? 20;
  const first = section?.get('first');
  const max = section?.get('max');
  const firstMs = positive(first) ?? 5_000;
  const maxMs = positive(max) ?? Math.max(firstMs, 3_600_000);
  if (firstMs > maxMs)
    max?.problem(`${max.name} is shorter than the first wait: make \`max\` the longer one.`);
  return { attempts, firstMs, maxMs };
}

/** About what a process takes that has just started. */
const LEAST_MEMORY = 128 * 2 ** 20;

function readRecycle(value: Value | undefined): Recycle {
  const section = value?.section(['after', 'memory', 'age']);
  const memory = section?.get('memory');
  const memoryBytes = memory?.size();
  if (memoryBytes !== undefined && memoryBytes < LEAST_MEMORY)
    memory?.problem(`${memory.name} must be at least 128MB: a worker takes about that much from the start.`);
  return compact({
    afterBatches: readBatches(section?.get('after')),
    memoryBytes,
    ageMs: positive(section?.get('age')),
  });
}

/** `10000 batches`; the word may be left out. */
function readBatches(value: Value | undefined): number | undefined {
  const wanted = 'a number of batches such as `10000 batches`';
  const text = value?.scalar(wanted);
  if (value === undefined || text === undefined) return undefined;
  const batches = Number(/^(\d{1,12})(?:\s+batch(?:es)?)?$/.exec(text.text.trim())?.[1]);
  if (batches > 0) return batches;
  return value.problem(`${value.name} must be ${wanted}, not ${text.shown}.`);
}

/** A duration that cannot be nothing. */
export function positive(value: Value | undefined): number | undefined {
  const ms = value?.duration();
  if (ms === undefined || ms > 0) return ms;
  return value?.problem(`${value.name} must be longer than 0.`);
}

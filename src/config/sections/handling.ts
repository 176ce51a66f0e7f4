// What a queue, or a group of it, says of how its events are handled: the module, the number of workers, limits.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Handling, Recycle } from '../config.ts';
import type { Section } from '../section.ts';
import type { Value } from '../value.ts';
import { compact } from './database.ts';

/** Keys that a queue and a group of it both have. */
export const HANDLING_KEYS = [
  'handler',
  'workers',
  'timeout',
  'retry',
  'rate',
  'weight',
  'recycle',
  'results',
  'dead',
] as const;

/** Of one queue, over all hosts. */
export const MOST_WORKERS = 1_000;

const DEFAULTS: Handling = {
  timeoutMs: 5 * 60_000,
  retry: { attempts: 20, firstMs: 5_000, maxMs: 3_600_000 },
  recycle: {},
};

/** @param defaults for what the section does not say. */
export function readHowHandled(section: Section, entry: Value, defaults: Handling = DEFAULTS): Handling {
  const retry = section.get('retry');
  const recycle = section.get('recycle');
  return compact({
    handler: readHandler(section, entry) ?? defaults.handler,
    timeoutMs: positive(section.get('timeout')) ?? defaults.timeoutMs,
    retry: retry === undefined ? defaults.retry : readRetry(retry),
    ratePerSecond: section.get('rate')?.rate() ?? defaults.ratePerSecond,
    weight:
      section.get('weight')?.whole('a whole number from 1 to 1000', { min: 1, max: 1_000 }) ??
      defaults.weight,
    recycle: recycle === undefined ? defaults.recycle : readRecycle(recycle),
    results: (section.get('results')?.yesOrNo() ?? defaults.results) ? (true as const) : undefined,
  });
}

function readHandler(section: Section, entry: Value): string | undefined {
  const file = section.get('handler')?.text('the path of a module');
  return file === undefined ? undefined : resolve(entry.source.folder, file);
}

interface WorkersOf {
  readonly handler: string | undefined;
  readonly entry: Value;
  /** Of a group: its queue's, which counts where the group says nothing. */
  readonly general?: Section;
}

/** Where there is no handler nothing runs, and the events are kept. */
export function readWorkers(section: Section, { handler, entry, general }: WorkersOf): number | 'none' {
  const value = section.get('workers') ?? general?.get('workers');
  const named = section.get('handler') ?? general?.get('handler');
  const isApplied = section.get('apply') !== undefined;
  const hasHandler = named !== undefined || isApplied;
  // Without a handler the queue is parked, not left without a group: nothing in it may be rotated away unread.
  if (value === undefined) {
    if (handler !== undefined) warnIfMissing(handler, named);
    return hasHandler ? 1 : 0;
  }
  const wanted = `a whole number from 0 to ${MOST_WORKERS}, or \`none\``;
  const text = value.scalar(wanted);
  if (text === undefined) return 0;
  if (text.text === 'none') return 'none';
  const workers = value.whole(wanted, { max: MOST_WORKERS }) ?? 0;
  if (workers > 1 && isApplied && section.get('lanes') === undefined) {
    value.problem(
      `${entry.name} applies changes to tables, by one worker, which keeps them in their order: say \`workers: 1\`, or in how many lanes, \`lanes: 16\`, so that several shards are applied at a time.`,
    );
  }
  if (workers > 0 && !hasHandler) {
    value.problem(
      `${entry.name} wants workers and has no handler: add \`handler: ./handlers/…\`, or say \`workers: 0\` to park it or \`workers: none\` to forward only.`,
    );
  } else if (workers > 0 && handler !== undefined) warnIfMissing(handler, named);
  return workers;
}

function warnIfMissing(handler: string, value: Value | undefined): void {
  if (!existsSync(handler)) value?.warn(`${value.name} names a file that does not exist: ${handler}.`);
}

function readRetry(value: Value): Handling['retry'] {
  const section = value.section(['attempts', 'first', 'max']);
  const attempts =
    section?.get('attempts')?.whole('a whole number of 1 or more', { min: 1, max: 1_000 }) ??
    DEFAULTS.retry.attempts;
  const first = section?.get('first');
  const max = section?.get('max');
  const firstMs = positive(first) ?? DEFAULTS.retry.firstMs;
  const maxMs = positive(max) ?? Math.max(firstMs, DEFAULTS.retry.maxMs);
  if (firstMs > maxMs)
    max?.problem(`${max.name} is shorter than the first wait: make \`max\` the longer one.`);
  return { attempts, firstMs, maxMs };
}

/** About what a process takes that has just started. */
const LEAST_MEMORY = 128 * 2 ** 20;

function readRecycle(value: Value): Recycle {
  const section = value.section(['after', 'memory', 'age']);
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

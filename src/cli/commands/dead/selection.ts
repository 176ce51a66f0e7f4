// Which dead events a command means: ids, a filter, or all of them, as options and in words.

import { type Command, Option } from 'commander';
import type { CentralLink } from '../../../central/central-link.ts';
import { type DeadCount, type DeadFilter, type DeadKind, namesInDead } from '../../../central/dead.ts';
import type { Config } from '../../../config/config.ts';
import { nearest } from '../../../config/nearest.ts';
import { figuredNames } from '../../../config/worked.ts';
import { counted } from '../../../errors/words.ts';
import { durationOption } from '../../duration-option.ts';
import { EXIT, Exit } from '../../exit.ts';
import { count } from '../../terminal/output.ts';

export interface FilterOptions {
  readonly queue?: string;
  readonly shard?: string;
  readonly type?: string;
  readonly error?: string;
  readonly olderThan?: string;
  readonly kind?: DeadKind;
  readonly redriven?: true;
}

export const withFilters = (command: Command): Command =>
  command
    .option('--queue <name>', 'of this central queue, or of one of its groups: orders/billing')
    .option('--shard <name>', 'from this shard')
    .option('--type <type>', 'of this type')
    .option('--error <text>', 'whose error contains this')
    .option('--older-than <duration>', 'that died longer ago than this, e.g. 2h')
    .addOption(
      new Option('--kind <kind>', 'that died of this').choices(['poison', 'handler', 'killed', 'conflict']),
    );

export function filterOf({
  queue,
  shard,
  type,
  error,
  olderThan,
  kind,
  redriven,
}: FilterOptions): DeadFilter {
  const olderThanMs = olderThan === undefined ? undefined : durationOption('--older-than', olderThan);
  return { queue, shard, type, error, olderThanMs, kind, withRedriven: redriven };
}

/** A misspelt name would find nothing, and look like good news. @throws Exit where neither the file nor any dead event has the name. */
export async function mustBeKnown(
  central: CentralLink,
  config: Config,
  { queue, shard }: DeadFilter,
): Promise<void> {
  const { file, shards } = config;
  const known = { queue: figuredNames(config), shard: shards.map(({ name }) => name) };
  const isIn = (names: typeof known) =>
    (queue === undefined || names.queue.includes(queue)) &&
    (shard === undefined || names.shard.includes(shard));
  if (isIn(known)) return;
  const dead = await namesInDead(central);
  const all = { queue: [...known.queue, ...dead.queues], shard: [...known.shard, ...dead.shards] };
  if (isIn(all)) return;
  const [what, name = '', names] =
    queue !== undefined && !all.queue.includes(queue)
      ? (['central queue', queue, all.queue] as const)
      : (['shard', shard, all.shard] as const);
  const meant = nearest(name, names);
  const help =
    meant === undefined ? `there are ${[...new Set(names)].join(', ')}.` : `did you mean ${meant}?`;
  throw new Exit(EXIT.wrong, `There is no ${what} ${name} in ${file}, and no dead event of it: ${help}`);
}

/** @throws Exit without a selection: that does not mean all. */
export function selectionOf(
  ids: readonly string[],
  options: FilterOptions & { readonly all?: true },
): DeadFilter {
  const filter = filterOf(options);
  const { withRedriven: _redriven, ...narrowing } = filter;
  const isFiltered = Object.values(narrowing).some((value) => value !== undefined);
  if ([ids.length > 0, isFiltered, options.all === true].filter((is) => is).length > 1) {
    throw new Exit(EXIT.wrong, 'Say ids, or filters such as --queue, or --all, and not several of them.');
  }
  if (ids.length > 0) return { ...filter, ids: ids.map((id) => wholeNumber(id, 'An id')) };
  if (!isFiltered && options.all !== true) {
    throw new Exit(
      EXIT.wrong,
      'Say which dead events: ids as `dead list` shows them, filters such as --queue or --error, or --all.',
    );
  }
  return filter;
}

export function wholeNumber(text: string, what: string): number {
  if (!/^\d{1,15}$/.test(text))
    throw new Exit(EXIT.wrong, `${what} must be a whole number, not \`${text}\`.`);
  return Number(text);
}

/** `3 dead events: 2 of orders (handler), 1 of emails (poison)` */
export function countsInWords(counts: readonly DeadCount[]): string {
  const parts = counts.map(({ queue, kind, events }) => `${count(events)} of ${queue} (${kind})`);
  return `${deadEvents(totalOf(counts))}: ${parts.join(', ')}`;
}

export const totalOf = (counts: readonly DeadCount[]): number =>
  counts.reduce((sum, { events }) => sum + events, 0);

export const deadEvents = (number: number): string => counted(number, 'dead event');

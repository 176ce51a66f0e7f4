// Which delayed events a command means: ids, a filter, or all of them.
import type { Command } from 'commander';
import type { Config } from '../../../config/config.ts';
import { nearest } from '../../../config/nearest.ts';
import type { DelayedFilter } from '../../../delays/delayed.ts';
import { durationOption } from '../../duration-option.ts';
import { EXIT, Exit } from '../../exit.ts';
import { wholeNumber } from '../dead/selection.ts';

export interface DelayedOptions {
  readonly queue?: string;
  readonly type?: string;
  readonly within?: string;
}

export const withDelayedFilters = (command: Command): Command =>
  command
    .option('--queue <name>', 'for this central queue')
    .option('--type <type>', 'of this type')
    .option('--within <duration>', 'that are due within this, e.g. 2h');

export function delayedFilterOf({ queue, type, within }: DelayedOptions): DelayedFilter {
  return { queue, type, withinMs: within === undefined ? undefined : durationOption('--within', within) };
}

/** A misspelt name would find nothing, and look like good news. */
export function mustBeQueue({ file, queues }: Config, queue: string | undefined): void {
  const names = queues.map(({ name }) => name);
  if (queue === undefined || names.includes(queue)) return;
  const meant = nearest(queue, names);
  const help = meant === undefined ? `there are ${names.join(', ')}.` : `did you mean ${meant}?`;
  throw new Exit(EXIT.wrong, `There is no central queue ${queue} in ${file}: ${help}`);
}

/** @throws Exit without a selection: that does not mean all. */
export function delayedSelectionOf(
  ids: readonly string[],
  options: DelayedOptions & { readonly all?: true },
): DelayedFilter {
  const filter = delayedFilterOf(options);
  const isFiltered = Object.values(filter).some((value) => value !== undefined);
  if ([ids.length > 0, isFiltered, options.all === true].filter((is) => is).length > 1)
    throw new Exit(EXIT.wrong, 'Say ids, or filters such as --queue, or --all, and not several of them.');
  if (ids.length > 0) return { ids: ids.map((id) => wholeNumber(id, 'An id')) };
  if (!isFiltered && options.all !== true)
    throw new Exit(
      EXIT.wrong,
      'Say which delayed events: ids as `delayed list` shows them, filters such as --queue or --within, or --all.',
    );
  return filter;
}

// tributary dead retry and dead discard: say how many events they mean, ask on a terminal, then act.

import { hostname } from 'node:os';
import type { Command } from 'commander';
import { CentralLink } from '../../../central/central-link.ts';
import { countDead, type DeadCount } from '../../../central/dead.ts';
import type { RetryResult } from '../../../central/dead-retry.ts';
import { discardNoted, type MeantDead } from '../../../central/logbook/dead-actions.ts';
import { ShownRetry } from '../../../central/logbook/shown-retry.ts';
import type { Config } from '../../../config/config.ts';
import { counted } from '../../../errors/words.ts';
import { groupName } from '../../../queue/names.ts';
import type { CliContext } from '../../context.ts';
import { EXIT, Exit } from '../../exit.ts';
import { operator } from '../../operator.ts';
import { canAsk, confirm } from '../../terminal/confirm.ts';
import { count } from '../../terminal/output.ts';
import {
  countsInWords,
  deadEvents,
  type FilterOptions,
  mustBeKnown,
  selectionOf,
  totalOf,
  withFilters,
} from './selection.ts';

interface Options extends FilterOptions {
  readonly all?: true;
  readonly yes?: true;
  readonly dryRun?: true;
  readonly rate?: string;
}

interface Chosen {
  readonly central: CentralLink;
  readonly config: Config;
  /** Events that die from now on are not included. */
  readonly meant: MeantDead;
  readonly counts: readonly DeadCount[];
}

interface Act {
  /** The verb in sentences. */
  readonly verb: 'retry' | 'discard';
  /** Why it cannot be done, as a sentence; called before anything is done. */
  hindrance(counts: readonly DeadCount[], group: string): string | undefined;
  run(context: CliContext, chosen: Chosen): Promise<void>;
}

export function register(dead: Command, context: CliContext): void {
  selecting(dead.command('retry').description('hands dead events out again, with all their tries'))
    .option('--rate <number/s>', 'at most this many a second, e.g. 100/s')
    .action((ids: string[], options: Options) => {
      const perSecond = perSecondOf(options.rate);
      return act(context, { ids, options }, retryWith(perSecond));
    });
  selecting(dead.command('discard').description('deletes dead events'))
    .option('--redriven', 'also those that were handed out again')
    .action((ids: string[], options: Options) => act(context, { ids, options }, DISCARD));
}

const selecting = (command: Command): Command =>
  withFilters(command.argument('[ids...]', 'as `dead list` shows them'))
    .option('--all', 'all that there are')
    .option('--dry-run', 'only say how many they are')
    .option('--yes', 'do not ask');

async function act(
  context: CliContext,
  { ids, options }: { ids: readonly string[]; options: Options },
  { verb, hindrance, run }: Act,
): Promise<void> {
  const selection = selectionOf(ids, options);
  const filter = verb === 'discard' && ids.length > 0 ? { ...selection, withRedriven: true } : selection;
  const config = await context.loadConfig({ queries: 'leave' });
  const central = new CentralLink(config, 'dead');
  try {
    await mustBeKnown(central, config, filter);
    const group = groupName(config);
    const counts = await countDead(central, filter, group);
    const total = totalOf(counts);
    if (total < new Set(filter.ids).size)
      throw new Exit(EXIT.failed, `${missing(new Set(filter.ids).size, total)} Nothing was changed.`);
    if (total === 0) {
      context.stdout.write('No dead events.\n');
      return;
    }
    context.stdout.write(`${countsInWords(counts)}.\n`);
    const reason = hindrance(counts, group);
    if (reason !== undefined) throw new Exit(EXIT.failed, `${reason} Nothing was changed.`);
    if (options.dryRun) return;
    if (!(await mayAct(context, options, { verb, isNamed: ids.length > 0, total }))) {
      context.stdout.write('Nothing was changed.\n');
      return;
    }
    const upTo = Math.max(...counts.map(({ newest }) => newest));
    const meant: MeantDead = {
      filter: { ...filter, upTo },
      queues: [...new Set(counts.map(({ queue }) => queue))],
      words: countsInWords(counts),
      operator: operator(),
    };
    await run(context, { central, config, meant, counts });
  } finally {
    await central.close();
  }
}

async function mayAct(
  context: CliContext,
  { yes }: Options,
  { verb, isNamed, total }: { verb: string; isNamed: boolean; total: number },
): Promise<boolean> {
  if (yes) return true;
  if (canAsk(context)) return await confirm(context, `Shall I ${verb} ${total === 1 ? 'it' : 'them'}?`);
  if (isNamed) return true;
  throw new Exit(
    EXIT.wrong,
    `There is no terminal to ask on, so nothing was changed: add --yes to ${verb} them.`,
  );
}

const missing = (named: number, found: number): string =>
  `${named === 1 ? 'The id is of no dead event' : `Of the ${count(named)} ids ${counted(found, 'is of a dead event', 'are of dead events')}`}: \`tributary dead list\` shows those there are, with --redriven those that were handed out again.`;

function retryWith(perSecond: number | undefined): Act {
  return {
    verb: 'retry',
    hindrance: (counts, group) => {
      const lost = counts.find(
        ({ kind, has_queue, has_group }) => !has_queue || (kind !== 'poison' && !has_group),
      );
      if (lost === undefined) return undefined;
      const what = lost.has_queue
        ? `Queue ${lost.queue} has no group ${group} any more, so no worker would handle its events`
        : `Queue ${lost.queue} does not exist any more`;
      return `${what}: put it into the file and run \`tributary install\`, or leave it out with --queue or --kind.`;
    },
    async run({ stdout, signal }, { central, config, meant, counts }) {
      const total = totalOf(counts);
      const retry = await ShownRetry.begin(central, {
        ...{ queue: onlyOne(counts, 'queue'), kind: onlyOne(counts, 'kind'), error: null, what: meant.words },
        ...{ host: hostname(), who: meant.operator.who, events: total, perSecond: perSecond ?? null },
      });
      const result = await retry.run(meant, { group: groupName(config), signal });
      stdout.write(`${retriedInWords(result)}\n`);
      const seen = result.retried + result.waiting + result.refused + result.cut;
      if ((signal.aborted || retry.isStopped) && seen < total)
        throw new Exit(
          EXIT.failed,
          `Stopped${retry.isStopped ? ' from the dashboard' : ''}; ${counted(total - seen, 'dead event is', 'dead events are')} as before.`,
        );
      if (result.retried < seen) throw new Exit(EXIT.failed);
    },
  };
}

/** What all have in common; null: they differ. */
function onlyOne(counts: readonly DeadCount[], what: 'queue' | 'kind'): string | null {
  const all = new Set(counts.map((one) => one[what]));
  const [first = null] = all;
  return all.size === 1 ? first : null;
}

function retriedInWords({ retried, waiting, refused, cut }: RetryResult): string {
  const sentences = [`${deadEvents(retried)} handed out again.`];
  if (waiting > 0)
    sentences.push(
      `${deadEvents(waiting)} left, because an event with the same id waits for its retry: try again when that is done.`,
    );
  if (refused > 0)
    sentences.push(`${deadEvents(refused)} refused by central once more: \`dead list\` shows the new error.`);
  if (cut > 0) sentences.push(`${deadEvents(cut)} left, because only the first part of the event was kept.`);
  return sentences.join('\n');
}

const DISCARD: Act = {
  verb: 'discard',
  hindrance: () => undefined,
  async run({ stdout, signal }, { central, meant }) {
    const discarded = await discardNoted(central, meant, signal);
    stdout.write(`${deadEvents(discarded)} discarded.\n`);
    if (signal.aborted) throw new Exit(EXIT.failed, 'Stopped before the end.');
  },
};

function perSecondOf(rate: string | undefined): number | undefined {
  if (rate === undefined) return undefined;
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)\/(s|m|h)$/.exec(rate.trim()) ?? [];
  const perSecond = Number(number) / ({ s: 1, m: 60, h: 3_600 }[unit] ?? 1);
  if (number === '' || perSecond <= 0)
    throw new Exit(EXIT.wrong, `--rate must be a rate such as 100/s or 10/m, not \`${rate}\`.`);
  return perSecond;
}

// tributary delayed cancel and delayed now: say how many events they mean, ask on a terminal, then act.
import type { Command } from 'commander';
import { CentralLink } from '../../../central/central-link.ts';
import { changeDelayed, countDelayed, type DelayedAct, type DelayedCount } from '../../../delays/delayed.ts';
import { counted } from '../../../errors/words.ts';
import type { CliContext } from '../../context.ts';
import { EXIT, Exit } from '../../exit.ts';
import { operator } from '../../operator.ts';
import { mustConfirm } from '../../terminal/confirm.ts';
import { count } from '../../terminal/output.ts';
import { type DelayedOptions, delayedSelectionOf, mustBeQueue, withDelayedFilters } from './selection.ts';

interface Options extends DelayedOptions {
  readonly all?: true;
  readonly yes?: true;
  readonly dryRun?: true;
}

const WORDS = {
  cancel: { question: 'Shall I cancel them?', verb: 'cancel them', done: 'cancelled' },
  now: { question: 'Shall I make them due?', verb: 'make them due', done: 'made due' },
} as const;

export function register(delayed: Command, context: CliContext): void {
  const acts: readonly (readonly [DelayedAct, string])[] = [
    ['cancel', 'takes delayed events out: they never go into their queue'],
    ['now', 'makes delayed events due at once'],
  ];
  for (const [act, description] of acts)
    withDelayedFilters(delayed.command(act).description(description))
      .argument('[ids...]', 'as `delayed list` shows them')
      .option('--all', 'all that there are')
      .option('--dry-run', 'only say how many they are')
      .option('--yes', 'do not ask')
      .action((ids: string[], options: Options) => run(context, act, { ids, options }));
}

async function run(
  context: CliContext,
  act: DelayedAct,
  { ids, options }: { readonly ids: readonly string[]; readonly options: Options },
): Promise<void> {
  const { stdout, signal } = context;
  const filter = delayedSelectionOf(ids, options);
  const config = await context.loadConfig();
  mustBeQueue(config, filter.queue);
  const central = new CentralLink(config, 'delayed');
  try {
    const counts = await countDelayed(central, filter);
    const total = counts.reduce((sum, { events }) => sum + events, 0);
    const named = new Set(filter.ids).size;
    if (total < named)
      throw new Exit(
        EXIT.failed,
        `Of the ${counted(named, 'id')} ${counted(total, 'is of an event that waits', 'are of events that wait')}; \`tributary delayed list\` shows those that do. Nothing was changed.`,
      );
    if (total === 0) {
      stdout.write('No delayed events.\n');
      return;
    }
    const words = inWords(counts);
    if (options.dryRun) {
      stdout.write(`${words}.\n`);
      return;
    }
    if (options.yes || ids.length > 0) stdout.write(`${words}.\n`);
    else await mustConfirm(context, { sentence: `${words}.`, ...WORDS[act] });
    const upTo = Math.max(...counts.map(({ newest }) => newest));
    const queues = counts.map(({ queue }) => queue);
    const meant = { filter: { ...filter, upTo }, queues, words, operator: operator() };
    const done = await changeDelayed(central, act, meant, signal);
    const gone =
      done < total ? `; ${count(total - done)} had gone into their queue, or were due, before` : '';
    stdout.write(`${counted(done, 'delayed event')} ${WORDS[act].done}${gone}.\n`);
    if (signal.aborted) throw new Exit(EXIT.failed, 'Stopped before the end.');
  } finally {
    await central.close();
  }
}

/** `3 delayed events: 2 of orders, 1 of emails, due from … to …` */
function inWords(counts: readonly DelayedCount[]): string {
  const total = counts.reduce((sum, { events }) => sum + events, 0);
  const parts = counts.map(({ queue, events }) => `${count(events)} of ${queue}`);
  const first = new Date(Math.min(...counts.map(({ firstMs }) => firstMs))).toISOString();
  const last = new Date(Math.max(...counts.map(({ lastMs }) => lastMs))).toISOString();
  return `${counted(total, 'delayed event')}: ${parts.join(', ')}, due ${first === last ? `at ${first}` : `from ${first} to ${last}`}`;
}

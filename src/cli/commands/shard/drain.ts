// tributary shard drain: waits until all that is on a shard now is in central, and says so.
import type { Command } from 'commander';
import { counted } from '../../../errors/words.ts';
import { type DrainedSource, drain, waiting } from '../../../succession/drain.ts';
import type { CliContext } from '../../context.ts';
import { durationOption } from '../../duration-option.ts';
import { EXIT, Exit } from '../../exit.ts';
import { shardNamed } from '../../shard-named.ts';
import { json } from '../../terminal/output.ts';
import { drainProgress } from './drain-progress.ts';
import { withSide } from './with-central.ts';

interface Options {
  readonly wait: string;
  readonly dryRun?: true;
  readonly json?: true;
}

export function registerDrain(shard: Command, context: CliContext): void {
  shard
    .command('drain')
    .description(
      'waits until everything that is on a shard now is in central; what comes later is not waited for',
    )
    .argument('<shard>', 'its name in the file')
    .option('--wait <duration>', 'how long to wait for its mover', '2m')
    .option('--dry-run', 'tell how much waits there, and change nothing')
    .option('--json', 'one JSON document')
    .action((name: string, options: Options) => run(context, name, options));
}

async function run(context: CliContext, name: string, options: Options): Promise<void> {
  const patienceMs = durationOption('--wait', options.wait);
  const config = await context.loadConfig();
  await withSide(config, shardNamed(config, name), async (side, link) => {
    if (options.dryRun) {
      const sources = await waiting(side, link);
      const left = sources.reduce((sum, one) => sum + one.left, 0);
      show(context, options, {
        sources,
        problems: [],
        text: `Would wait until ${counted(left, 'event')} of ${name} ${left === 1 ? 'is' : 'are'} in central.`,
      });
      return;
    }
    const progress = drainProgress(context, name);
    const { sources, problems } = await drain(side, {
      ...{ link, patienceMs, signal: context.signal, onLook: progress.look },
    });
    progress.end();
    const left = sources.reduce((sum, one) => sum + one.left, 0);
    show(context, options, {
      sources,
      problems,
      text:
        problems.length === 0
          ? `Shard ${name} is drained: everything that was on it is in central, up to ${marksOf(sources)}.`
          : `Shard ${name} is not drained: ${counted(left, 'event')} wait there.`,
    });
    if (problems.length > 0) throw new Exit(EXIT.failed, problems.join('\n'));
  });
}

const marksOf = (sources: readonly DrainedSource[]): string =>
  sources.map(({ queue, mark }) => `tick ${mark} of ${queue}`).join(', ') || 'no tick: it has no sources';

function show(
  { stdout }: CliContext,
  { json: isJson }: Options,
  {
    sources,
    problems,
    text,
  }: {
    readonly sources: readonly DrainedSource[];
    readonly problems: readonly string[];
    readonly text: string;
  },
): void {
  stdout.write(
    isJson ? json({ sources, drained: sources.every(({ left }) => left === 0), problems }) : `${text}\n`,
  );
}

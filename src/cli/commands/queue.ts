// tributary queue: adds a central queue of the file to a running installation, or retires one.
import type { Command } from 'commander';
import { noted } from '../../central/logbook/note.ts';
import { readSources } from '../../central/positions.ts';
import type { Config, Queue } from '../../config/config.ts';
import { feedsOf } from '../../config/feeds.ts';
import { nearest } from '../../config/nearest.ts';
import { parseStart } from '../../config/sections/queues.ts';
import { counted } from '../../errors/words.ts';
import { dryRun } from '../../install/dry-run.ts';
import { install } from '../../install/install.ts';
import { planRetirement, retireQueue } from '../../succession/queue.ts';
import type { CliContext } from '../context.ts';
import { durationOption } from '../duration-option.ts';
import { EXIT, Exit } from '../exit.ts';
import { operator } from '../operator.ts';
import { mustConfirm } from '../terminal/confirm.ts';
import { json, table, widthOf } from '../terminal/output.ts';
import { progressOn } from '../terminal/progress.ts';
import { PROOF_COLUMNS } from './shard/proof-columns.ts';
import { withCentral } from './shard/with-central.ts';

interface AddOptions {
  readonly start?: string;
  readonly dryRun?: true;
  readonly json?: true;
}

interface RetireOptions {
  readonly cut?: true;
  readonly wait: string;
  readonly dryRun?: true;
  readonly yes?: true;
  readonly json?: true;
}

export function register(program: Command, context: CliContext): void {
  const queue = program
    .command('queue')
    .description('the life of a central queue: its beginning and its end');
  queue
    .command('add')
    .description(
      'begins a queue of the file on central and on every shard; other queues are left as they are',
    )
    .argument('<queue>', 'the central queue')
    .option('--start <where>', 'where its sources begin that are new: oldest, now or "at-consumer NAME"')
    .option('--dry-run', 'print the SQL and change nothing')
    .option('--json', 'one JSON document')
    .action((name: string, options: AddOptions) => add(context, name, options));
  queue
    .command('retire')
    .description('ends a queue for good: all of it is moved and handled, then nothing any more')
    .argument('<queue>', 'the central queue, which the file still has')
    .option('--cut', 'producers still write: they wait for a moment, and what they write later is left out')
    .option('--wait <duration>', 'how long to wait for each shard, and then for the workers', '2m')
    .option('--dry-run', 'tell what would be done, and change nothing')
    .option('--yes', 'do not ask')
    .option('--json', 'one JSON document')
    .action((name: string, options: RetireOptions) => retire(context, name, options));
}

async function add(context: CliContext, name: string, options: AddOptions): Promise<void> {
  const whole = await context.loadConfig();
  const queue = queueNamed(whole, name);
  const start = options.start === undefined ? undefined : parseStart(options.start);
  if (options.start !== undefined && start === undefined)
    throw new Exit(EXIT.wrong, `--start must be oldest, now or "at-consumer NAME", not ${options.start}.`);
  const shards =
    start === undefined
      ? whole.shards
      : whole.shards.map((shard) => ({ ...shard, start: shard.start ?? start }));
  const config = { ...whole, queues: [queue], shards };
  if (options.dryRun) {
    const { rows, script } = await dryRun(config);
    context.stdout.write(options.json ? json({ sql: script(), done: false }) : `${script()}\n`);
    const mistakes = rows.flatMap((row) => row.mistakes);
    if (mistakes.length > 0) throw new Exit(EXIT.failed, mistakes.join('\n'));
    return;
  }
  const progress = progressOn(context.raw.stderr, { total: config.shards.length + 1, what: 'installing' });
  const rows = await install(config, {
    onRow: (row) =>
      progress.step(row.outcome === 'failed' ? (row.mistakes[0] ?? row.name) : undefined, row.name),
  });
  progress.end();
  const mistakes = rows.flatMap((row) => row.mistakes);
  const changed = rows.filter(({ outcome }) => outcome === 'installed').length;
  if (rows[0]?.outcome !== 'failed' && changed > 0)
    await withCentral(config, async (link) => {
      const note = { kind: 'queue-add', queues: [name], what: `added queue ${name}.` } as const;
      await noted(link, operator(), async () => ({ result: undefined, note }));
    });
  if (rows[0]?.outcome !== 'failed') await proveAdded(context, { config, name, options });
  if (mistakes.length > 0) throw new Exit(EXIT.failed, mistakes.join('\n'));
}

/** Each source that the file asks for, as central has it. */
async function proveAdded(
  { stdout }: CliContext,
  { config, name, options }: { readonly config: Config; readonly name: string; readonly options: AddOptions },
): Promise<void> {
  await withCentral(config, async (link) => {
    const stored = await link.use((central) =>
      readSources(
        central,
        config.shards.map((shard) => shard.name),
      ),
    );
    const from = feedsOf(config).map(({ queue }) => queue);
    const there = new Set(
      stored
        .filter(({ queue, position }) => from.includes(queue) && position !== undefined)
        .map(({ shard, queue }) => `${shard}:${queue}`),
    );
    const wanted = config.shards.flatMap((shard) => from.map((queue) => `${shard.name}:${queue}`));
    const missing = wanted.filter((source) => !there.has(source));
    stdout.write(
      options.json
        ? json({ queue: name, sources: there.size, missing, done: missing.length === 0 })
        : `Queue ${name}: ${there.size} of ${counted(wanted.length, 'source')} have a position.${missing.length === 0 ? ' Movers and workers that run with a file without it do not know it: give every host this file.' : ` Missing: ${missing.slice(0, 10).join(', ')}.`}\n`,
    );
  });
}

async function retire(context: CliContext, name: string, options: RetireOptions): Promise<void> {
  const patienceMs = durationOption('--wait', options.wait);
  const config = await context.loadConfig();
  const queue = queueNamed(config, name);
  await withCentral(config, async (link, consumer) => {
    const { shards, rest } = await planRetirement({ config, link, queue });
    const sources = [...shards.values()].reduce((sum, names) => sum + names.size, 0);
    const plan = [
      `- ${counted(sources, 'source')} on ${counted(shards.size, 'shard')} end: what is there is moved first, then our consumer is unregistered. This cannot be undone.`,
      queue.workers === 'none' && queue.groups === undefined
        ? `- Queue ${name} stays on central, with the consumers that it has.`
        : `- Its workers finish: ${counted(rest.waiting, 'event')} wait for them, ${rest.retrying.toLocaleString('en-US')} to be tried again. Then their group ends. The queue, its events and ${counted(rest.dead, 'dead event')} stay on central.`,
    ];
    if (options.dryRun) {
      context.stdout.write(
        options.json ? json({ plan, done: false }) : `Would do this:\n${plan.join('\n')}\n`,
      );
      return;
    }
    if (options.yes !== true)
      await mustConfirm(context, { sentence: plan.join('\n'), question: 'Shall I do it?', verb: 'do it' });
    const progress = progressOn(context.raw.stderr, { total: shards.size, what: 'retiring' });
    const proof = await retireQueue({
      ...{ config, link, consumer, queue, patienceMs, signal: context.signal },
      operator: operator(),
      isCut: options.cut === true,
      onShard: (trouble, shard) => progress.step(trouble, shard),
    }).finally(() => progress.end());
    context.stdout.write(
      options.json
        ? json({ sources: proof, done: true })
        : `${table(PROOF_COLUMNS, proof, { width: widthOf(context.stdout) })}Queue ${name} is retired. Now take it out of ${config.file} on every host.\n`,
    );
  });
}

function queueNamed({ queues, file }: Config, name: string): Queue {
  const queue = queues.find((one) => one.name === name);
  if (queue !== undefined) return queue;
  const near = nearest(
    name,
    queues.map((one) => one.name),
  );
  throw new Exit(
    EXIT.wrong,
    `There is no queue \`${name}\` in ${file}: ${near === undefined ? 'put it there first.' : `did you mean \`${near}\`?`}`,
  );
}

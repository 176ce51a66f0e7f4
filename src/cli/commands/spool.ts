// tributary spool FOLDER: delivers what producers have spooled while their shard could not be reached, until it is stopped.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { sentenceFor } from '../../errors/sentence.ts';
import { counted } from '../../errors/words.ts';
import { SaidOnce } from '../../lifecycle/said-once.ts';
import { adoptFolder, openFolder } from '../../spool/folder.ts';
import { lockFolder } from '../../spool/lock.ts';
import type { SpoolShard } from '../../spool/prepare-shard.ts';
import { Spooler, type SpoolOccurrence } from '../../spool/spooler.ts';
import type { WaitingWriter } from '../../spool/up-to-refused.ts';
import { waitingIn } from '../../spool/waiting.ts';
import type { CliContext, ServiceContext } from '../context.ts';
import { databasesAt } from '../database-urls.ts';
import { EXIT, Exit } from '../exit.ts';
import { shardNamed } from '../shard-named.ts';
import { whileServingSpool } from './spool/serving.ts';
import { register as registerStatus } from './spool/status.ts';

interface SpoolOptions {
  readonly shard?: string;
  readonly url?: string;
  readonly once?: true;
  readonly rewind?: true;
  readonly skip?: true;
  readonly adopt?: true;
  readonly setAside?: readonly string[];
  readonly http?: string;
}

export function register(program: Command, context: CliContext): void {
  const spool = program
    .command('spool')
    .description('delivers what producers have spooled in a folder to its shard, until SIGTERM')
    .argument('<folder>', 'the folder, as given to `createProducer({ spool })`')
    .option('--shard <name>', 'the shard, as `tributary shards` names it')
    .option('--url <url>', 'the shard by its URL; needs no shards.yaml')
    .option(
      '--http <address>',
      'serve /livez, /readyz and /metrics there, such as :7718; :0 takes a free port',
    )
    .option('--once', 'end when all that is there has been delivered')
    .option(
      '--set-aside <queue...>',
      'put events for these queues that the shard refuses into files, and go on behind them',
    )
    .option('--adopt', 'the folder was copied or restored, and this one is to go on')
    .option('--rewind', 'the shard was restored: deliver again what the folder still has')
    .option('--skip', 'the shard was restored: go on behind what was delivered before')
    .action(async (folder: string, options: SpoolOptions) => run(folder, options, await context.asService()));
  registerStatus(spool, context);
}

async function run(given: string, options: SpoolOptions, context: ServiceContext): Promise<void> {
  const shard = await shardOf(options, context);
  if (options.rewind && options.skip) throw new Exit(EXIT.wrong, 'Give --rewind or --skip, not both.');
  const folder = resolve(context.cwd, given);
  const { log, signal } = context;
  try {
    const { spool, isCopy, isNew } = openFolder(folder);
    if (isNew) log.warn(`${folder} was no spool until now: no producer has written to it yet.`);
    if (isCopy && options.adopt) adoptFolder(folder);
    else if (isCopy) {
      throw new Exit(
        EXIT.failed,
        `${folder} is a copy of another spool, or was restored: its files are not where they were made. What the shard has got already is not delivered again; where the other folder is in use, let that one deliver. \`--adopt\` goes on with this one.`,
      );
    }
    const unlock = lockFolder(folder);
    try {
      const said = saying(context, shard);
      const choice = options.rewind ? 'rewind' : options.skip ? 'skip' : undefined;
      log.info({ folder, shard: shard.name }, `delivering the spool ${folder} to ${shard.name}`);
      const spooler = new Spooler({
        ...{ folder, spool, shard, choice, isOnce: options.once === true },
        setAside: options.setAside ?? [],
        onOccurrence: said.note,
      });
      const now = () => {
        const waiting = waitingIn(folder, (writer) => spooler.cursorOf(writer));
        return { folder, waiting, delivered: said.events, troubles: said.troublesOf(waiting.writers) };
      };
      const loops = () => [{ name: 'the spooler', turns: spooler.turns }];
      await whileServingSpool(context, { http: options.http, now, loops }, () => spooler.run(signal));
      log.info(`stopped: ${counted(said.events, 'event')} delivered`);
    } finally {
      unlock();
    }
  } catch (error) {
    if (error instanceof Exit) throw error;
    throw new Exit(EXIT.failed, sentenceFor(error, shard.name));
  }
}

async function shardOf({ shard, url }: SpoolOptions, context: CliContext): Promise<SpoolShard> {
  if ((shard === undefined) === (url === undefined))
    throw new Exit(EXIT.wrong, 'Say where to: --shard NAME, as the file has it, or --url URL.');
  if (url !== undefined) {
    const [database, another] = databasesAt(url, '--url', context);
    if (database === undefined || another !== undefined)
      throw new Exit(EXIT.wrong, '--url is the URL of one database.');
    return { ...database, name: `Database ${database.displayUrl}`, schema: 'pgq' };
  }
  const found = shardNamed(await context.loadConfig({ queries: 'try' }), shard ?? '');
  return { ...found, name: `Shard ${found.name}` };
}

function waitsSentence(waiting: WaitingWriter | undefined): string {
  if (waiting === undefined) return 'What is spooled waits.';
  const { writer, seq, queue } = waiting;
  return `Writer ${writer} waits at its record ${seq}; \`--set-aside ${queue}\` puts what is refused for this queue into files, and goes on.`;
}

/** What happens, as lines of the log; trouble that lasts is said once. */
function saying({ log }: ServiceContext, shard: SpoolShard) {
  const troubles = new Map<string, { readonly once: SaidOnce; sentence: string }>();
  let isReached = false;
  const said = {
    events: 0,
    /** What keeps events of these writers where they are, a sentence each: of others nothing waits any more. */
    troublesOf(writers: ReadonlySet<string>): readonly string[] {
      if (writers.size === 0) return [];
      if (!isReached && troubles.size === 0) return [`${shard.name} has not been reached yet.`];
      return [...troubles].flatMap(([writer, { sentence }]) =>
        writer === '' || writers.has(writer) ? [sentence] : [],
      );
    },
    note: (occurrence: SpoolOccurrence): void => {
      if (occurrence.kind === 'delivered') {
        said.events += occurrence.events;
        troubles.delete(occurrence.writer);
        log.debug(occurrence, `${counted(occurrence.events, 'event')} delivered`);
      } else if (occurrence.kind === 'connected') {
        isReached = true;
        if (troubles.delete('')) log.info(`${shard.name} can be reached again`);
      } else if (occurrence.kind === 'noticed') log.warn(occurrence.sentence);
      else {
        const { error, waiting } = occurrence;
        const { writer = '' } = waiting ?? {};
        const sentence = sentenceFor(error, shard.name);
        const trouble = troubles.get(writer) ?? {
          sentence,
          once: new SaidOnce((failure) =>
            log.warn(`${sentenceFor(failure, shard.name)} ${waitsSentence(waiting)}`),
          ),
        };
        troubles.set(writer, trouble);
        trouble.sentence = sentence;
        trouble.once.say(error);
      }
    },
  };
  return said;
}

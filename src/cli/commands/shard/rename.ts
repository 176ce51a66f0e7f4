// tributary shard rename: gives a shard another name in central.
import type { Command } from 'commander';
import { namedTables, type RenamedRows, renameRows } from '../../../apply/rename-rows.ts';
import { CentralLink } from '../../../central/central-link.ts';
import { readIdentity } from '../../../central/identity.ts';
import { knownShardNames, renameShard } from '../../../central/known-shards.ts';
import { noted } from '../../../central/logbook/note.ts';
import type { Config } from '../../../config/config.ts';
import { nearest } from '../../../config/nearest.ts';
import { whyNoShardName } from '../../../config/sections/shard-name.ts';
import { shorten } from '../../../config/value.ts';
import { sqlstateOf } from '../../../errors/sqlstate.ts';
import { TributaryError } from '../../../errors/tributary-error.ts';
import type { CliContext } from '../../context.ts';
import { EXIT, Exit } from '../../exit.ts';
import { operator } from '../../operator.ts';
import { canAsk, confirm } from '../../terminal/confirm.ts';
import { json } from '../../terminal/output.ts';
import { sourcesText } from '../pause.ts';

interface Options {
  readonly dryRun?: true;
  readonly yes?: true;
  readonly json?: true;
}

export function registerRename(shard: Command, context: CliContext): void {
  shard
    .command('rename')
    .description(
      'gives a shard another name, also in merged tables; nothing is moved again, and origins in central keep the old one',
    )
    .argument('<old>', 'its name until now, as central knows it')
    .argument('<new>', 'its name from now on, which the file then says')
    .option('--dry-run', 'tell what would be done, and change nothing')
    .option('--yes', 'do not ask')
    .option('--json', 'one JSON document')
    .action((from: string, to: string, options: Options) => rename(context, { from, to, options }));
}

async function rename(
  context: CliContext,
  { from, to, options }: { readonly from: string; readonly to: string; readonly options: Options },
): Promise<void> {
  const config = await context.loadConfig();
  const wrong = to === from ? 'must be another one than before' : whyNoShardName(to);
  if (wrong !== undefined) throw new Exit(EXIT.wrong, `A shard's new name ${wrong}: not \`${shorten(to)}\`.`);
  const link = new CentralLink(config, 'shard');
  try {
    await readIdentity(link, config.name);
    const sources = await sourcesOf(link, { from, to });
    const what = `${sourcesText(sources)} of shard ${from}`;
    const tables = [...new Set(namedTables(config).map(({ table }) => table))].join(', ');
    const rows = tables === '' ? '' : `Its rows in ${tables} get the name as well. `;
    const origins = `${rows}Events in central keep their origins (${from}:…), those moved from now on have ${to}:… instead`;
    if (options.dryRun) {
      say(context, options, {
        from,
        to,
        sources,
        rows: [],
        done: false,
        text: `Would rename ${what} to ${to}. ${origins}.`,
      });
      return;
    }
    if (options.yes !== true) {
      if (!canAsk(context))
        throw new Exit(
          EXIT.wrong,
          `There is no terminal to ask on, so ${what} was not renamed to ${to}: add --yes.`,
        );
      context.stdout.write(`${what} get the name ${to}. ${origins}.\n`);
      if (!(await confirm(context, 'Shall I rename it?')))
        throw new Exit(EXIT.failed, 'Nothing was renamed.');
    }
    const renamed = await renameNoted(link, config, { from, to }).catch(refused);
    const text = `Renamed ${sourcesText(renamed.sources)} of shard ${from} to ${to}. ${origins}. ${nextStep(config, { from, to })}`;
    say(context, options, { from, to, ...renamed, done: true, text });
  } finally {
    await link.close();
  }
}

/** @throws Exit where the old name is not known, or the new one is in use. */
async function sourcesOf(link: CentralLink, { from, to }: { from: string; to: string }): Promise<number> {
  const known = await link.use(knownShardNames);
  const sources = known.get(from);
  if (sources === undefined) {
    const meant = nearest(from, known.keys());
    const help = meant === undefined ? 'it knows none of a similar name.' : `did you mean \`${meant}\`?`;
    throw new Exit(EXIT.wrong, `Central knows no shard \`${from}\`: ${help}`);
  }
  if (known.has(to))
    throw new Exit(
      EXIT.wrong,
      `Central has a shard \`${to}\` already: choose another name, or rename that one first.`,
    );
  return sources;
}

interface Renamed {
  readonly sources: number;
  readonly rows: readonly RenamedRows[];
}

const renameNoted = (
  link: CentralLink,
  config: Config,
  { from, to }: { from: string; to: string },
): Promise<Renamed> =>
  noted(link, operator(), async (central) => {
    const sources = await renameShard(central, from, to);
    return {
      result: { sources, rows: await renameRows(central, config, { from, to }) },
      note: { kind: 'shard-rename', what: `renamed shard ${from} to ${to}.` },
    };
  });

/** Another command has renamed a shard meanwhile. */
function refused(error: unknown): never {
  // A sentence about central has the server's error as its cause.
  const said = error instanceof TributaryError ? error.cause : error;
  const state = sqlstateOf(said) ?? '';
  if (['42704', '42710'].includes(state))
    throw new Exit(EXIT.failed, `Nothing was renamed: ${(said as Error).message}.`);
  if (state === 'TB010')
    throw new Exit(
      EXIT.failed,
      'Nothing was renamed: events of the shard were moved at this moment. Run it again.',
    );
  throw error;
}

function nextStep({ shards, file }: Config, { from, to }: { from: string; to: string }): string {
  const has = (name: string) => shards.some((shard) => shard.name === name);
  return has(to)
    ? `${file} says ${to} already: start the movers again that run with an older file; until then its events wait.`
    : `Now let ${file} say \`name: ${to}\`${has(from) ? ` for ${from}` : ''} and start the movers again; until then its events wait.`;
}

function say(
  { stdout }: CliContext,
  { json: isJson }: Options,
  { text, ...result }: { from: string; to: string; done: boolean; text: string } & Renamed,
): void {
  stdout.write(isJson ? json(result) : `${text}\n`);
}

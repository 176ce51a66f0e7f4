// Commands to try in a second terminal while the demo is kept running.
import { relative } from 'node:path';
import type { Config } from '../../config/config.ts';
import { shownAddress } from '../../http/server/address.ts';
import type { CliContext } from '../context.ts';
import { widthOf } from '../terminal/output.ts';

/** Where the dashboard is, if the file says that it is served. */
export function dashboardOf({ http }: Pick<Config, 'http'>): string | undefined {
  return http === undefined ? undefined : `http://${shownAddress(http)}/`;
}

/** The commands, each with what it does; any of them works as it stands. @param cwd where they are typed. */
export function toTry(config: Config, { cwd, stdout }: Pick<CliContext, 'cwd' | 'stdout'>): string {
  const { file, shards, queues } = config;
  const path = relative(cwd, file);
  const named = path.startsWith('..') ? file : path;
  // A word with characters that mean something to a shell needs quotes.
  const word = /^[\w./-]+$/.test(named) ? named : `'${named.replaceAll("'", "'\\''")}'`;
  const tributary = `npx tributary${path === 'shards.yaml' ? '' : ` -c ${word}`}`;
  const shard = shards.at(-1)?.name ?? '';
  const queue = queues[0]?.name ?? '';
  const commands: readonly (readonly [command: string, what: string])[] = [
    ['lag', 'what is behind, and why'],
    ['shards', 'who moves which shard'],
    [`scale ${queue} 6`, 'six workers instead of three, while it runs'],
    [`scale ${queue} 0`, 'none: the events wait'],
    [`scale ${queue} --reset`, 'as in the file again'],
    [`send ${queue} --shard ${shard} --data '{"order":1,"cents":4200}'`, 'one more event'],
    [`send ${queue} --shard ${shard} --data 'no JSON'`, 'one that its handler cannot read'],
    ['dead list', 'what became of it after its last attempt'],
    [`pause --shard ${shard}`, 'one shard stands still'],
    ['doctor', 'why, and what lets it go on'],
    [`resume --shard ${shard}`, 'and goes on'],
    ['check', 'whether all is well'],
  ];
  const shown = commands.map(([command, what]) => [`${tributary} ${command}`, what] as const);
  const column = Math.max(...shown.map(([text]) => text.length));
  const lines = shown.map(([text, what]) => `  ${text.padEnd(column)}   # ${what}`);
  // Where both do not fit beside each other, the description goes above the command.
  const isNarrow =
    Math.max(...lines.map((line) => line.length)) > (widthOf(stdout) ?? Number.POSITIVE_INFINITY);
  const dashboard = dashboardOf(config);
  const seen = dashboard === undefined ? '' : `, and the dashboard is at ${dashboard}`;
  return `
Everything goes on, with a tenth of the events${seen}. Try in a second terminal:

${(isNarrow ? shown.map(([text, what]) => `  # ${what}\n  ${text}`) : lines).join('\n')}

Ctrl-C ends it and takes everything away.
`;
}

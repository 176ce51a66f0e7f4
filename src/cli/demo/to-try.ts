// What to type in a second terminal while the demo is kept running.
import { relative } from 'node:path';
import type { Config } from '../../config/config.ts';

/** @param commands only these exist. */
export function toTry(
  { file, shards, queues }: Config,
  { commands, cwd }: { readonly commands: readonly string[]; readonly cwd: string },
): string {
  const path = relative(cwd, file);
  const tributary = `npx tributary${path === 'shards.yaml' ? '' : ` -c ${path.startsWith('..') ? file : path}`}`;
  const shard = shards.at(-1)?.name ?? '';
  const queue = queues[0]?.name ?? '';
  const lines: readonly (readonly [command: string, rest: string, what: string])[] = [
    ['lag', '', 'what is behind, and why'],
    ['shards', '', 'who moves which shard'],
    ['scale', `${queue} 6`, 'six workers instead of three, while it runs'],
    ['scale', `${queue} 0`, 'none: the events wait'],
    ['scale', `${queue} --reset`, 'as in the file again'],
    ['send', `${queue} --shard ${shard} --data '{"order":1,"cents":4200}'`, 'one more event'],
    ['send', `${queue} --shard ${shard} --data 'no JSON'`, 'one that its handler cannot read'],
    ['dead', 'list', 'what became of it after its last attempt'],
    ['pause', `--shard ${shard}`, 'one shard stands still'],
    ['resume', `--shard ${shard}`, 'and goes on'],
    ['doctor', '', 'what is wrong, if anything is'],
  ];
  const shown = lines
    .filter(([command]) => commands.includes(command))
    .map(([command, rest, what]) => [`${tributary} ${command} ${rest}`.trimEnd(), what] as const);
  const width = Math.max(...shown.map(([text]) => text.length));
  return `
Everything goes on, with a tenth of the events. Try in a second terminal:

${shown.map(([text, what]) => `  ${text.padEnd(width)}   # ${what}`).join('\n')}

Ctrl-C ends it and takes everything away.
`;
}

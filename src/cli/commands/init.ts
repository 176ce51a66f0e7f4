// `init`: writes a commented shards.yaml and a handler to start from, and says what to do next.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { EXIT, Exit } from '../exit.ts';
import { HANDLER, SHARDS_YAML } from './init/files.ts';

const FILES: readonly (readonly [path: string, text: string])[] = [
  ['shards.yaml', SHARDS_YAML],
  // `.mjs` is a module in every project; `.js` would need a package.json that says so.
  [join('handlers', 'orders.mjs'), HANDLER],
];

export function register(program: Command, context: CliContext): void {
  program
    .command('init')
    .description('writes a commented shards.yaml and a handler to start from')
    .argument('[dir]', 'the folder, made where it does not exist', '.')
    .option('--force', 'overwrite files that exist')
    .action((folder: string, { force = false }: { force?: boolean }) => init(folder, { force, context }));
}

function init(folder: string, { force, context }: { force: boolean; context: CliContext }): void {
  const target = resolve(context.cwd, folder);
  const shown = (path: string) => relative(context.cwd, join(target, path)) || path;
  const existing = FILES.filter(([path]) => existsSync(join(target, path))).map(([path]) => shown(path));
  if (existing.length > 0 && !force) {
    const verb = existing.length === 1 ? 'exists' : 'exist';
    throw new Exit(
      EXIT.failed,
      `${existing.join(' and ')} already ${verb}, so nothing was written: --force overwrites.`,
    );
  }
  for (const [path, text] of FILES) write(join(target, path), text, force);
  context.stdout.write(
    nextSteps(
      FILES.map(([path]) => shown(path)),
      shown('shards.yaml'),
    ),
  );
}

function write(path: string, text: string, force: boolean): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, { flag: force ? 'w' : 'wx' });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Exit(EXIT.failed, `${path} cannot be written (${code}): check the folder and its permissions.`);
  }
}

function nextSteps(written: readonly string[], config: string): string {
  const command = config === 'shards.yaml' ? 'tributary' : `tributary -c ${config}`;
  return `Written: ${written.join(', ')}

Next:
  1. See whether the database that it begins with is reachable: ${command} check
     Another server: PGHOST, PGPORT, PGUSER and PGPASSWORD are used as by psql. Your own shards and queues: ${config}
  2. See what would be changed, then change it: ${command} plan, then ${command} install
  3. Move and work off events until Ctrl-C: ${command} start
  4. Send one from a second terminal: ${command} send order_out --shard first --data '{"id": 1}'
`;
}

// `init`: writes a commented shards.yaml and a handler to start from, and says what to do next.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { EXIT, Exit } from '../exit.ts';
import { COMPOSED_SHARDS, composeYaml } from './init/compose-files.ts';
import { HANDLER, SHARDS_YAML } from './init/files.ts';
import { handlerFiles } from './init/handler-files.ts';

interface InitOptions {
  readonly force?: true;
  readonly handler?: string;
  readonly compose?: true;
}

/** Paths in the folder, and the texts. */
type Files = readonly (readonly [path: string, text: string])[];

const FILES: Files = [
  ['shards.yaml', SHARDS_YAML],
  // `.mjs` is a module in every project; `.js` would need a package.json that says so.
  [join('handlers', 'orders.mjs'), HANDLER],
];

export function register(program: Command, context: CliContext): void {
  program
    .command('init')
    .description('writes a commented shards.yaml and a handler to start from')
    .argument('[dir]', 'the folder, made where it does not exist', '.')
    .option('--handler <queue>', 'instead: a typed handler of this central queue, with its test')
    .option('--compose', 'instead: a compose.yaml to try it with, and the files that it needs')
    .option('--force', 'overwrite files that exist')
    .action((folder: string, options: InitOptions) => init(folder, options, context));
}

function init(folder: string, options: InitOptions, context: CliContext): void {
  const target = resolve(context.cwd, folder);
  const shown = (path: string) => relative(context.cwd, join(target, path)) || path;
  const { handler: queue, compose } = options;
  if (queue !== undefined && compose) throw new Exit(EXIT.wrong, 'Give --handler or --compose, not both.');
  if (queue !== undefined) {
    if (!/^\w[\w-]*$/.test(queue))
      throw new Exit(EXIT.wrong, `\`${queue}\` cannot be the name of a file: use letters, digits, - and _.`);
    const typed = existsSync(join(target, 'tsconfig.json')) ? moduleEnding(target) : undefined;
    const files = handlerFiles(queue, typed).map(({ path, text }) => [path, text] as const);
    writeAll(files, { target, shown, options });
    context.stdout.write(
      handlerSteps(
        files.map(([path]) => shown(path)),
        { queue, typed },
      ),
    );
  } else if (compose) {
    // What is there already is the user's, and is what the containers get.
    const needed: Files = [
      ['shards.yaml', COMPOSED_SHARDS],
      [join('handlers', 'orders.mjs'), HANDLER],
    ];
    const missing = needed.filter(([path]) => !existsSync(join(target, path)));
    const files: Files = [['compose.yaml', composeYaml()], ...missing];
    writeAll(files, { target, shown, options });
    context.stdout.write(
      composeSteps(
        files.map(([path]) => shown(path)),
        missing.length === needed.length,
      ),
    );
  } else {
    writeAll(FILES, { target, shown, options });
    context.stdout.write(
      nextSteps(
        FILES.map(([path]) => shown(path)),
        shown('shards.yaml'),
      ),
    );
  }
}

function writeAll(
  files: Files,
  {
    target,
    shown,
    options: { force = false },
  }: { target: string; shown: (path: string) => string; options: { readonly force?: boolean } },
): void {
  const existing = files.filter(([path]) => existsSync(join(target, path))).map(([path]) => shown(path));
  if (existing.length > 0 && !force) {
    const verb = existing.length === 1 ? 'exists' : 'exist';
    throw new Exit(
      EXIT.failed,
      `${existing.join(' and ')} already ${verb}, so nothing was written: --force overwrites.`,
    );
  }
  for (const [path, text] of files) write(join(target, path), text, force);
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

/** A module is `.ts` only where package.json says so; elsewhere strict settings refuse its `import`. */
function moduleEnding(folder: string): 'js' | 'mjs' {
  try {
    const { type } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
      readonly type?: unknown;
    };
    return type === 'module' ? 'js' : 'mjs';
  } catch {
    return 'mjs';
  }
}

function handlerSteps(
  written: readonly string[],
  { queue, typed }: { readonly queue: string; readonly typed: 'js' | 'mjs' | undefined },
): string {
  const folder = typed === undefined ? '' : 'dist/';
  const ending = typed ?? 'mjs';
  const module = `./${folder}handlers/${queue}.${ending}`;
  const test = `node --test ${folder}handlers/${queue}.test.${ending}`;
  const where = typed === undefined ? '' : ' (where your compiler puts it)';
  return `Written: ${written.join(', ')}

Next:
  1. Under queues in shards.yaml${where}: ${queue}: { create: true, workers: 1, handler: ${module} }
  2. Run its test: ${test}
  3. The table that it writes to, on central: create table handled (origin text primary key, id bigint)
`;
}

const composeSteps = (written: readonly string[], isAll: boolean): string => `Written: ${written.join(', ')}

Next:
  1. A project that names the package, with its lock file: npm init --yes, then npm install with the package
  2. All of it: docker compose up --build
${isAll ? '' : '  The services are called central and shard: shards.yaml must lead there, with the password of compose.yaml.\n'}`;

// What a user gets: the packed tarball in an empty project, a typed handler compiled with `strict`, and it runs.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { loadHandler } from '../../../src/handler/load.ts';
import { packagePath } from '../../../src/lifecycle/package-root.ts';
import { givenFolder, writeFile } from '../../support/files.ts';

const HANDLER = `
import { defineHandler, type HandlerClient } from 'tributary';

interface Order { readonly id: number; readonly customer: string }

export async function count(client: HandlerClient): Promise<number> {
  const { rows } = await client.query<{ n: string }>({ text: 'select count(*) as n from invoices' });
  return Number(rows[0]?.n);
}

export default defineHandler({
  async event(event, { client, log, signal, attempt, retry, dead }) {
    const order = event.json<Order>();
    signal.throwIfAborted();
    if (event.type === null) return dead(event, 'no type');
    if (attempt > 3) return retry(event, { after: '1h' });
    log.info({ origin: String(event.origin), shard: event.origin.shard }, order.customer);
    const { rowCount } = await client.query('insert into invoices (id) values ($1)', [order.id]);
    const affected: number | null = rowCount;
    void affected;
    // @ts-expect-error the client is typed: it has no such method
    client.noSuchMethod();
    // @ts-expect-error nor may it be used as a text
    const text: string = client;
    void text;
    // @ts-expect-error an event has no such field
    void event.nope;
  },
});

// @ts-expect-error a handler has either event or batch
defineHandler({ event() {}, batch() {} });
// @ts-expect-error a handler has event or batch
defineHandler({ handle() {} });

export const all = defineHandler({
  async batch(events, { client }) {
    await client.query('insert into invoices (id) select unnest($1::int[])', [events.map((event) => event.json<Order>().id)]);
  },
});
`;

const PRODUCER = `
import { createProducer, type Producer, TributaryError } from 'tributary/producer';

interface Queues { orders: { id: number }; notes: string }
export const events: Producer<Queues> = createProducer<Queues>({ columns: { key: 'extra2', at: 'extra1' } });
export async function place(tx: object): Promise<string> {
  const ids: string[] = await events.send(tx, 'notes', [{ data: 'a' }, { data: 'b', after: '5m' }]);
  // @ts-expect-error no such queue
  await events.send(tx, 'order', { data: { id: 1 } }).catch((error: unknown) => error instanceof TributaryError && error.code);
  // @ts-expect-error an order is no text
  void events.send(tx, 'orders', { data: 'text' }).catch(() => {});
  return (await events.send(tx, 'orders', { data: { id: 1 }, key: 1 })) + ids.length;
}
`;

const TSCONFIG = {
  compilerOptions: {
    target: 'es2023',
    module: 'nodenext',
    moduleResolution: 'nodenext',
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    // Our declarations are the user's problem as well.
    skipLibCheck: false,
    types: [],
    rootDir: 'src',
    outDir: 'dist',
  },
  include: ['src'],
};

function run(program: string, args: readonly string[], cwd: string) {
  const { status, stdout, stderr } = spawnSync(program, [...args], { cwd, encoding: 'utf8' });
  return { status, output: `${stdout}${stderr}`, stdout };
}

/** The tarball unpacked where npm would, and links to the dependencies that it names: no registry is needed. */
function givenProject(): string {
  const project = givenFolder();
  const packed = run(
    'npm',
    ['pack', '--json', '--ignore-scripts', '--pack-destination', project],
    packagePath(),
  );
  expect(packed.status, packed.output).toBe(0);
  const modules = join(project, 'node_modules');
  const home = join(modules, 'tributary');
  mkdirSync(home, { recursive: true });
  const tarball = readdirSync(project).find((name) => name.endsWith('.tgz')) as string;
  expect(run('tar', ['-xzf', tarball, '-C', home, '--strip-components=1'], project).status).toBe(0);
  const { dependencies } = createRequire(import.meta.url)(join(home, 'package.json')) as {
    dependencies: Record<string, string>;
  };
  // As npm would hoist them: beside the package, each resolving its own from where it really is.
  for (const name of Object.keys(dependencies)) link(modules, name);
  // A typed Node is what a user of TypeScript has.
  link(modules, '@types/node');
  writeFile(project, 'package.json', { text: '{ "name": "shop", "type": "module" }' });
  writeFile(project, 'tsconfig.json', { text: JSON.stringify(TSCONFIG) });
  writeFile(project, 'src/orders.ts', { text: HANDLER });
  writeFile(project, 'src/place.ts', { text: PRODUCER });
  // The producer alone as a bundler resolves it.
  const { compilerOptions } = TSCONFIG;
  const bundled = { ...compilerOptions, module: 'esnext', moduleResolution: 'bundler' };
  writeFile(project, 'tsconfig.bundler.json', {
    text: JSON.stringify({ ...TSCONFIG, compilerOptions: bundled }),
  });
  return project;
}

function link(modules: string, name: string): void {
  mkdirSync(dirname(join(modules, name)), { recursive: true });
  symlinkSync(packagePath('node_modules', name), join(modules, name));
}

describe('the package', () => {
  let project = '';
  beforeAll(() => {
    project = givenProject();
  });

  test('a typed handler compiles in strict mode, its client is not `any`, and the loader takes it', async () => {
    const compiler = packagePath('node_modules', 'typescript', 'bin', 'tsc');
    const compiled = run(process.execPath, [compiler, '-p', project], project);
    expect(compiled.output).toBe('');
    const handler = await loadHandler(join(project, 'dist', 'orders.js'));
    expect(handler.event).toBeTypeOf('function');
  });

  test('a typed producer compiles as Node and as bundlers resolve it, and sends', async () => {
    const compiler = packagePath('node_modules', 'typescript', 'bin', 'tsc');
    for (const file of ['tsconfig.json', 'tsconfig.bundler.json'])
      expect(run(process.execPath, [compiler, '-p', join(project, file)], project).output).toBe('');
    const { place } = (await import(pathToFileURL(join(project, 'dist', 'place.js')).href)) as {
      place(tx: object): Promise<string>;
    };
    let id = 0;
    const query = async (_text: string, values: string[]) => {
      const many = values.length === 2 ? (JSON.parse(values[0] as string) as unknown[]).length : 1;
      id += many;
      return { rows: Array.from({ length: many }, (_, at) => ({ id: String(id - many + at + 1) })) };
    };
    expect(await place({ query })).toBe('52');
  });

  test('its command line runs where it is installed', () => {
    const { bin } = JSON.parse(readFileSync(packagePath('package.json'), 'utf8'));
    const main = join(project, 'node_modules', 'tributary', bin.tributary);
    const { status, output } = run(process.execPath, [main, '--version'], project);
    expect({ status, output: output.trim() }).toEqual({ status: 0, output: '0.1.0' });
  });

  test('every relative link of its README leads to a file in it', () => {
    const home = join(project, 'node_modules', 'tributary');
    const links = [...readFileSync(join(home, 'README.md'), 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)/g)];
    expect(links.length).toBeGreaterThan(5);
    expect(links.map(([, path = '']) => path).filter((path) => !existsSync(join(home, path)))).toEqual([]);
  });

  test('tools that do not read `exports` find its types', () => {
    const home = join(project, 'node_modules', 'tributary');
    const { main, types } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'));
    expect([main, types].map((path) => existsSync(join(home, path)))).toEqual([true, true]);
  });

  test('the dashboard in it is complete', () => {
    const page = join(project, 'node_modules', 'tributary', 'dist', 'page');
    const named = [...readFileSync(join(page, 'index.html'), 'utf8').matchAll(/(?:src|href)="\.\/([^"]+)"/g)];
    expect(named.length).toBeGreaterThan(2);
    expect(named.map(([, path = '']) => path).filter((path) => !existsSync(join(page, path)))).toEqual([]);
  });

  test('it holds what it needs and nothing of the tests', () => {
    const home = join(project, 'node_modules', 'tributary');
    const files = readdirSync(home, { recursive: true, encoding: 'utf8' });
    expect(files).toEqual(
      expect.arrayContaining([
        'dist/index.d.ts',
        'dist/run/tributary.js',
        'dist/run/worker.js',
        'dist/run/licenses.txt',
        'dist/page/index.html',
        'dist/page/licenses.txt',
        'docs/images/dashboard.png',
        'sql/migrations/0001_central.sql',
      ]),
    );
    const ours = files.filter((name) => /^(src|test|scripts)\/.*\.\w+$|tsbuildinfo/.test(name));
    expect(ours.sort()).toEqual(['src/README.md', 'src/coordination/README.md']);
  });
});

// What a user gets: the packed tarball in an empty project, all that our pages show compiled there, and what is in it.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { loadHandler } from '../../../src/handler/load.ts';
import { fileFor, givenCluster } from '../../support/installation/installation.ts';
import {
  givenPackedProject,
  type PackedProject,
  STRICTEST,
} from '../../support/installation/packed-project.ts';
import { openEventStream } from '../../support/network/event-stream.ts';
import { documents } from '../../support/pages/documents.ts';
import { startProcess } from '../../support/processes/process.ts';
import { until } from '../../support/until.ts';
import { SHOP_FILES, SHOP_QUEUES } from './shop-files.ts';

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

/** What the user of a library has beside the handlers of docs/orms.md. */
const BESIDE_ORMS = {
  'loose/schema.ts': `import { pgTable, text } from 'drizzle-orm/pg-core';
export const invoice = pgTable('invoice', { origin: text().primaryKey() });\n`,
  'loose/tables.ts': 'export interface Tables { invoice: { origin: string } }\n',
  // As Prisma generates it, as far as the page uses it.
  'loose/generated/client.ts': `import type { PrismaPg } from '@prisma/adapter-pg';
interface Invoice { origin: string }
export declare class PrismaClient {
  constructor(options: { adapter: PrismaPg });
  $disconnect(): Promise<void>;
  readonly invoice: { upsert(how: { where: Invoice; create: Invoice; update: Partial<Invoice> }): Promise<Invoice> };
}\n`,
  // What blocks of JavaScript take from what is around them.
  'loose/around.d.ts': `export {};
declare global {
  const order: { readonly id: number };
  const stream: EventSource;
}\n`,
};

/** Blocks of code on our pages, by the path of the file that each becomes. */
function blocksOfPages(): { readonly path: string; readonly text: string }[] {
  return documents().flatMap(({ path, text }) =>
    [...text.matchAll(/^ *```(ts|js|tsx|jsx|mjs|cjs|typescript|javascript)\n([\s\S]*?)^ *```/gm)].map(
      ([, kind = '', code = ''], at) => {
        const isTyped = /^t/.test(kind);
        // drizzle-orm's own types compile in no other way than a loose one.
        const folder = isTyped && !/orms/.test(path) ? 'src/pages' : 'loose/pages';
        const name = `${path.replaceAll('/', '-').replace(/\.md$/, '')}-${at + 1}`;
        return { path: `${folder}/${name}.${isTyped ? 'ts' : 'js'}`, text: `${code}export {};\n` };
      },
    ),
  );
}

describe('the package', () => {
  let project: PackedProject;
  beforeAll(() => {
    project = givenPackedProject();
    project.write('src/orders.ts', HANDLER);
    project.write('src/place.ts', PRODUCER);
    for (const { path, text } of blocksOfPages()) project.write(path, text);
    for (const [path, text] of Object.entries({ ...BESIDE_ORMS, ...SHOP_FILES })) project.write(path, text);
    const { program, run, compile } = project;
    expect(run(process.execPath, program, 'init', '--handler', 'mails').output).toContain(
      'handlers/mails.ts',
    );
    expect(compile()).toBe('');
  });

  test('the loader takes a typed handler that was compiled as strictly as that can be', async () => {
    const handler = await loadHandler(join(project.folder, 'dist', 'src', 'orders.js'));
    expect(handler.event).toBeTypeOf('function');
  });

  test('the test of a handler that `init` has written passes', () => {
    const { status, output } = project.run(process.execPath, '--test', 'dist/handlers/mails.test.js');
    expect(status, output).toBe(0);
  });

  test('every block of JavaScript and every handler with a library on our pages compiles', () => {
    project.addPackages('drizzle-orm', 'kysely', 'knex', '@prisma/adapter-pg');
    const compilerOptions = {
      ...STRICTEST,
      ...{ noEmit: true, rootDir: '.', allowJs: true, checkJs: true, skipLibCheck: true },
      // Plain JavaScript says no types.
      ...{ noImplicitAny: false, strictNullChecks: false, exactOptionalPropertyTypes: false },
    };
    project.write('tsconfig.loose.json', JSON.stringify({ compilerOptions, include: ['loose'] }));
    expect(project.compile('tsconfig.loose.json')).toBe('');
    const paths = blocksOfPages().map(({ path }) => path);
    expect(paths.filter((path) => path.startsWith('src/pages/')).length).toBeGreaterThan(8);
    expect(paths.filter((path) => path.endsWith('.js')).length).toBeGreaterThan(5);
    // And it would see a mistake.
    const [drizzle = ''] = paths.filter((path) => /docs-orms-1/.test(path));
    const text = readFileSync(join(project.folder, drizzle), 'utf8');
    project.write(drizzle, text.replace('insert(invoice).values', 'insert(invoice).value'));
    project.write('loose/pages/wrong.js', "import { signChanel } from 'tributary';\nsignChanel('a');\n");
    const said = project.compile('tsconfig.loose.json');
    expect(said).toContain(`${drizzle}(`);
    expect(said).toContain('loose/pages/wrong.js(');
  });

  test('a typed producer sends, and compiles as bundlers resolve it', async () => {
    const compilerOptions = { ...STRICTEST, module: 'esnext', moduleResolution: 'bundler', noEmit: true };
    project.write('tsconfig.bundler.json', JSON.stringify({ compilerOptions, files: ['src/place.ts'] }));
    expect(project.compile('tsconfig.bundler.json')).toBe('');
    const { place } = (await import(pathToFileURL(join(project.folder, 'dist', 'src', 'place.js')).href)) as {
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
    const { status, output } = project.run(process.execPath, project.program, '--version');
    expect({ status, output: output.trim() }).toEqual({ status: 0, output: '0.1.0' });
  });

  test('every relative link of its README leads to a file in it', () => {
    const { home } = project;
    const links = [...readFileSync(join(home, 'README.md'), 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)/g)];
    expect(links.length).toBeGreaterThan(5);
    expect(links.map(([, path = '']) => path).filter((path) => !existsSync(join(home, path)))).toEqual([]);
  });

  test('tools that do not read `exports` find its types', () => {
    const { home } = project;
    const { main, types } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'));
    expect([main, types].map((path) => existsSync(join(home, path)))).toEqual([true, true]);
  });

  test('the dashboard in it is complete', () => {
    const page = join(project.home, 'dist', 'page');
    const named = [...readFileSync(join(page, 'index.html'), 'utf8').matchAll(/(?:src|href)="\.\/([^"]+)"/g)];
    expect(named.length).toBeGreaterThan(2);
    expect(named.map(([, path = '']) => path).filter((path) => !existsSync(join(page, path)))).toEqual([]);
  });

  test('it holds what it needs and nothing of the tests', () => {
    const { home } = project;
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

  test('a shop in strict TypeScript runs: it produces, spools, calls, publishes, sends later, in order by a key and for two groups', async () => {
    const cluster = await givenCluster();
    const { central, shards } = cluster;
    await central.query(`create table invoice (id serial, origin text primary key, customer text, n int);
      create table found (customer text, "group" text);
      create table mail (type text, time timestamptz, origin text primary key)`);
    project.write('shards.yaml', fileFor(cluster, { queues: SHOP_QUEUES }));
    const { folder, program } = project;
    const tributary = (...args: string[]) =>
      startProcess([process.execPath, program, ...args], { cwd: folder });
    const installed = tributary('install');
    expect(await installed.exit, installed.stderr.join('\n')).toMatchObject({ code: 0 });
    const start = tributary('start', '--host', central.database.host);
    const serving = /serving (http:\S+)\/livez/;
    const url = serving.exec(await start.waitForLine(serving))?.[1] ?? '';

    const { openShop } = (await import(pathToFileURL(join(folder, 'dist/src/shop/app.js')).href)) as {
      openShop(settings: object): {
        place(customer: string): Promise<string[]>;
        placeOutside(): Promise<string>;
        resize(picture: number): Promise<unknown>;
        post(picture: number): Promise<string>;
        wait(origin: string): Promise<unknown>;
        click(to: string): Promise<string>;
        tokenFor(channel: string): string;
        close(): Promise<void>;
      };
    };
    const spool = join(folder, 'spool');
    const key = 'a key of some length';
    const shop = openShop({ shardUrl: shards[0]?.url, liveUrl: url, key, folder: spool });
    const streamOf = (channel: string, token = shop.tokenFor(channel)) =>
      openEventStream(`${url}/live?channel=${encodeURIComponent(channel)}&token=${token}`);
    expect((await streamOf('customer:Ben', shop.tokenFor('customer:Ann'))).status).toBe(403);
    const stream = await streamOf('customer:Ann');
    expect(stream.status).toBe(200);

    // What belongs to a transaction, what a spool takes, and what is waited for.
    expect(await shop.placeOutside()).toContain('This client of pg is in no transaction');
    expect(await shop.place('Ann')).toHaveLength(3);
    await shop.click('Ann');
    const spooled = tributary('spool', spool, '--shard', 's1', '--once');
    expect(await spooled.exit, spooled.stderr.join('\n')).toMatchObject({ code: 0 });
    expect(await Promise.all([1, 2].map((picture) => shop.resize(picture)))).toEqual([2, 4]);
    expect(await shop.resize(-1)).toMatch(/^call-failed: .*There is no such picture\./);
    expect(await shop.resize(0)).toMatch(/^call-failed: .*What the handler returned is no JSON: /);
    expect(await shop.wait(await shop.post(21))).toEqual({ width: 42 });

    const invoiced = () => stream.events.filter(({ event }) => event === 'invoiced');
    await until(() => invoiced().length === 3, { what: 'the invoices on the stream', timeoutMs: 60_000 });
    expect(invoiced().map(({ data }) => data.data)).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
    expect(await central.query('select customer, n from invoice order by id')).toEqual(
      [1, 2, 3].map((n) => ({ customer: 'Ann', n })),
    );
    const found = () => central.query('select distinct customer, "group" from found');
    await until(async () => (await found()).length === 1, { what: 'the other group', timeoutMs: 60_000 });
    expect(await found()).toEqual([{ customer: 'Ann', group: 'search' }]);
    const mails = () => central.query<{ type: string; time: Date; origin: string }>('select * from mail');
    await until(async () => new Set((await mails()).map(({ type }) => type)).size === 4, {
      what: 'a mail of each kind',
      timeoutMs: 60_000,
    });
    const all = await mails();
    expect(new Set(all.map(({ type }) => type))).toEqual(new Set(['clicked', 'now', 'soon', 'ticking']));
    // A schedule's event says when it was due.
    for (const { time, origin } of all.filter(({ type }) => type === 'ticking'))
      expect([time.getTime() % 1_000, origin]).toEqual([0, `@schedule:ticking:${time.getTime()}`]);
    const waits = await central.query("select * from tributary.delayed_list('{}', 10)");
    expect(waits).toHaveLength(1);
    await shop.close();
    start.kill('SIGTERM');
    expect(await start.exit).toMatchObject({ code: 0 });
  });
});

// Rolling upgrades: central as older packages left it, with programs that run before, during and after `install`.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import { schemaVersion } from '../../../src/central/fit/schema-version.ts';
import { packagePath } from '../../../src/lifecycle/package-root.ts';
import { givenFile } from '../../support/installation/config-file.ts';
import { fileFor, givenEvents } from '../../support/installation/installation.ts';
import { startTributary } from '../../support/processes/process.ts';
import { run } from '../../support/processes/run-cli.ts';
import { givenDatabase, type TestDatabase } from '../../support/server/database.ts';
import { schemaText } from '../../support/server/schema-text.ts';
import { until } from '../../support/until.ts';

const PATIENTLY = { timeoutMs: 60_000 };
const SCHEMAS = packagePath('test', 'support', 'schemas');
/** Made by scripts/keep-schema.js. */
const FILES = readdirSync(SCHEMAS)
  .filter((name) => name.startsWith('central-'))
  .sort();
/** Of the tables that came until a version; those of an older one are in central of a newer one as well. */
const ROWS = readdirSync(SCHEMAS)
  .filter((name) => name.startsWith('rows-'))
  .sort();
const NEWEST = FILES.at(-1) as string;

const HANDLER = `export default { async event(event, { client }) {
  await client.query('insert into handled values ($1)', [String(event.origin)]);
} };`;

interface SqlFunction {
  readonly name: string;
  readonly types: readonly string[];
  /** Of the types at the end, how many a call may leave out. */
  readonly defaults: number;
  readonly columns: readonly string[];
}

const functionsOf = (central: TestDatabase): Promise<SqlFunction[]> =>
  central.query(
    `select proname as name, pronargdefaults::int as defaults,
       array(select format_type(t, null) from unnest(proargtypes) with ordinality a(t, n) order by n) as types,
       array(select n from unnest(proargnames, proargmodes) a(n, m) where m in ('o', 't')) as columns
     from pg_proc where pronamespace = 'tributary'::regnamespace order by 1, 3`,
  );

/** Functions that a program which ran before cannot call any more as it did, or that lack a column which it reads. */
function lost(before: readonly SqlFunction[], after: readonly SqlFunction[]): string[] {
  const serves = (one: SqlFunction, call: SqlFunction) =>
    one.name === call.name &&
    one.types.slice(0, call.types.length).join() === call.types.join() &&
    one.types.length - one.defaults <= call.types.length &&
    call.columns.every((column) => one.columns.includes(column));
  return before
    .filter((call) => !after.some((one) => serves(one, call)))
    .map(({ name, types }) => `${name}(${types.join(', ')})`);
}

/** Of each package: what it may have called. A migration that adds to one breaks the programs that still run, see docs/upgrading.md. */
const LOST: Readonly<Record<string, readonly string[]>> = {
  // What `lag` shows; its movers go on.
  'central-0021.sql': ['store_lag(text, jsonb)'],
};

const kept = (name: string): string => readFileSync(join(SCHEMAS, name), 'utf8');
const versionOf = (name: string): string => /\d+/.exec(name)?.[0] ?? '';

/** Central as that package left it. Nothing is installed of this package. */
async function givenOlderCentral(file: string): Promise<TestDatabase> {
  const central = await givenDatabase();
  // As install does: functions that call each other.
  await script(central, `set check_function_bodies = off; ${kept(file)}`);
  await central.query("insert into tributary.identity (name) values ('shop')");
  return central;
}

async function script(database: TestDatabase, text: string): Promise<void> {
  const connection = await database.connect();
  await connection.script(text);
  await connection.close();
}

/** With a shard, and a file for both. */
async function givenOlder(file: string) {
  const [central, shard] = await Promise.all([givenOlderCentral(file), givenDatabase()]);
  await central.query('create table handled (origin text)');
  const yaml = givenFile(
    fileFor(
      { central, shards: [shard] },
      { queues: '  orders: { create: true, workers: 1, handler: ./handler.mjs }' },
    ),
    { others: { 'handler.mjs': HANDLER } },
  );
  const start = (command: 'mover' | 'work') => {
    const host = command === 'mover' ? ['--host', '127.0.0.1'] : [];
    return startTributary(['-c', yaml, command, ...host]);
  };
  return { central, shard, yaml, start };
}

/**
 * The rows of all tables of ours, of PgQ, and the events, by table; of a table that others inherit from, without theirs. Not the
 * settings of queues, which are install's to change.
 */
async function rowsOf(central: TestDatabase): Promise<ReadonlyMap<string, readonly Row[]>> {
  const tables = await central.query<{ name: string }>(
    `select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname in ('tributary', 'pgq') and c.relkind = 'r' and c.relname <> 'queue' order by 1`,
  );
  const all = new Map<string, readonly Row[]>();
  for (const { name } of tables) {
    const rows = await central.query<{ row: Row }>(`select to_jsonb(t) as row from only ${name} t`);
    all.set(
      name,
      rows.map(({ row }) => row),
    );
  }
  return all;
}

type Row = Readonly<Record<string, unknown>>;

/** Columns may have come, and rows; no value may have changed or gone. */
const isIn = (rows: readonly Row[], row: Row): boolean =>
  rows.some((one) => Object.entries(row).every(([column, value]) => isDeepStrictEqual(one[column], value)));

/** Tables that others inherit from, and those that are only locked. */
const EMPTY =
  /^tributary\.("position"|handled|queue_history|delayed|published|unique_key|unique_left|\w+_turn)$/;

describe('upgrade', () => {
  test.each(FILES)('from %s: every row is there afterwards, with the values that it had', async (file) => {
    const central = await givenOlderCentral(file);
    for (const name of ROWS) if (versionOf(name) <= versionOf(file)) await script(central, kept(name));
    const before = await rowsOf(central);
    const empty = [...before].flatMap(([name, rows]) => (rows.length === 0 ? [name] : []));
    // What is not in it would not be seen to go.
    expect(empty.filter((name) => name.startsWith('tributary.') && !EMPTY.test(name))).toEqual([]);
    const queues = [
      '  orders: { create: true, workers: 4, handler: ./handler.mjs }',
      ...(versionOf(file) < '0046'
        ? []
        : [
            '  mails: { create: true, key: ev_extra1, lanes: 4, on_failure: pause, groups: {',
            '    billing: { workers: 2, handler: ./handler.mjs }, search: { workers: 1, handler: ./handler.mjs } } }',
          ]),
    ];
    // Another shard than those of its rows.
    const text = fileFor({ central, shards: [await givenDatabase()] }, { queues: queues.join('\n') });
    const yaml = givenFile(text.replace('name: s1', 'name: new'), { others: { 'handler.mjs': HANDLER } });
    expect(await run(['-c', yaml, 'install'])).toMatchObject({ code: 0 });
    const after = await rowsOf(central);
    const gone = [...before].flatMap(([name, rows]) =>
      rows.filter((row) => !isIn(after.get(name) ?? [], row)).map((row) => ({ name, row })),
    );
    expect(gone).toEqual([]);
  });

  // The newest that is kept may be that of today, which nobody waits for.
  test.each(FILES.filter((file) => Number(versionOf(file)) < schemaVersion()))(
    'from %s: mover and workers of this version say it once, wait for install, and go on',
    async (file) => {
      const { central, shard, yaml, start } = await givenOlder(file);
      const before = await functionsOf(central);
      const programs = [start('mover'), start('work')];
      const sentence =
        /Central was installed by an older package .* Run `tributary install` with this package: it is waited for\./;
      await Promise.all(programs.map((program) => program.waitForLine(sentence, PATIENTLY)));
      expect(await run(['-c', yaml, 'install'])).toMatchObject({ code: 0 });
      await givenEvents(shard, 'orders', 5);
      const handled = () => central.query('select distinct origin from handled');
      await until(async () => (await handled()).length === 5, { what: '5 handled events', ...PATIENTLY });
      for (const program of programs) {
        expect(program.stderr.filter((line) => sentence.test(line))).toHaveLength(1);
        program.kill('SIGTERM');
        expect((await program.exit).code).toBe(0);
      }
      expect(lost(before, await functionsOf(central))).toEqual(LOST[file] ?? []);
      const fresh = await givenDatabase({ pgq: 'central' });
      const schemas = ['tributary', 'pgq_coop'];
      // Functions that it does not need any more stay, for the programs that were there before.
      const upgraded = (await schemaText(central, schemas)).split('\n\n');
      expect(
        (await schemaText(fresh, schemas)).split('\n\n').filter((one) => !upgraded.includes(one)),
      ).toEqual([]);
    },
  );

  test('beside a newer schema a program goes on where it finds what it calls, and refuses where it does not', async () => {
    const { central, yaml, start, shard } = await givenOlder(NEWEST);
    expect(await run(['-c', yaml, 'install'])).toMatchObject({ code: 0 });
    await central.query(`insert into tributary.migration (version, name) values (9999, 'from the future')`);
    const mover = start('mover');
    await givenEvents(shard, 'orders', 3);
    const moved = () => central.query(`select ev_id from pgq.event_1`);
    await until(async () => (await moved()).length === 3, { what: '3 moved events', ...PATIENTLY });
    mover.kill('SIGTERM');
    expect((await mover.exit).code).toBe(0);
    await central.query('drop function tributary.sources_of(text[])');
    const refused = start('mover');
    await refused.waitForLine(
      /was installed by a newer package .*cannot work with it\. Upgrade this package\./,
    );
    expect((await refused.exit).code).toBe(2);
  });
});

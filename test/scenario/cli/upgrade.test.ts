// Rolling upgrades: central as older packages left it, with programs that run before, during and after `install`.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
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
const FILES = readdirSync(SCHEMAS).sort();
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

/** Central as that package left it, a shard, and a file for both. Nothing is installed of this package. */
async function givenOlder(file: string) {
  const [central, shard] = await Promise.all([givenDatabase(), givenDatabase()]);
  const connection = await central.connect();
  // As install does: functions that call each other.
  await connection.script(`set check_function_bodies = off; ${readFileSync(join(SCHEMAS, file), 'utf8')}`);
  await connection.query("insert into tributary.identity (name) values ('shop')");
  await connection.query('create table handled (origin text)');
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

describe('upgrade', () => {
  test.each(FILES)(
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

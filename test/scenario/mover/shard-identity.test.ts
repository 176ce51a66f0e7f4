// The name of a shard never changes by itself: renamed, swapped, re-addressed and copied databases, proved by origins.
import { describe, expect, test } from 'vitest';
import { readCentralEvents } from '../../../src/proof/origins.ts';
import { givenFile } from '../../support/installation/config-file.ts';
import { type Cluster, givenCluster, givenEvents } from '../../support/installation/installation.ts';
import { startTributary, type TestProcess } from '../../support/processes/process.ts';
import { type Ran, run } from '../../support/processes/run-cli.ts';
import { givenDatabase, type TestDatabase } from '../../support/server/database.ts';
import { givenBackup, givenCopy } from '../../support/server/restore.ts';
import { until } from '../../support/until.ts';

interface Entry {
  readonly on: TestDatabase;
  readonly name?: string;
  readonly start?: string;
  /** Instead of 127.0.0.1. */
  readonly host?: string;
}

const fileOf = (central: TestDatabase, entries: readonly Entry[], queue = 'create: true'): string =>
  givenFile(
    [
      'name: shop',
      `central: '${central.url}'`,
      'shards:',
      ...entries.map(({ on, name, start, host }) => {
        const url = host === undefined ? on.url : on.url.replace('127.0.0.1', host);
        return `  - { url: '${url}', host: h${name === undefined ? '' : `, name: ${name}`}${start === undefined ? '' : `, start: ${start}`} }`;
      }),
      'defaults: { tls: off }',
      'queues:',
      `  orders: { workers: none, ${queue} }`,
      '',
    ].join('\n'),
  );

const origins = async (central: TestDatabase): Promise<string[]> => {
  const connection = await central.connect();
  const rows = await readCentralEvents(connection, { queue: 'orders' });
  await connection.close();
  return rows.map(({ origin }) => origin).sort();
};

const ids = (list: readonly string[], name: string) =>
  list.filter((origin) => origin.startsWith(`${name}:`)).map((origin) => Number(origin.split(':').at(-1)));

async function withMover<T>(file: string, work: (mover: TestProcess) => Promise<T>): Promise<T> {
  const mover = startTributary(['-c', file, 'mover', '--host', 'h']);
  try {
    return await work(mover);
  } finally {
    mover.kill('SIGTERM');
    expect((await mover.exit).code).toBe(0);
  }
}

const untilMoved = (central: TestDatabase, count: number) =>
  until(async () => (await origins(central)).length >= count, {
    what: `${count} events in central`,
    timeoutMs: 40_000,
  });

const installed = async (file: string, ...more: string[]): Promise<void> => {
  const ran = await run(['-c', file, 'install', ...more]);
  expect([ran.code, ran.stderr]).toEqual([0, expect.not.stringMatching(/mistake/)]);
};

/** plan, check and install all say it, and install changes nothing. */
async function expectRefused(file: string, why: RegExp): Promise<void> {
  const ran = [
    await run(['-c', file, 'plan']),
    await run(['-c', file, 'check']),
    await run(['-c', file, 'install']),
  ];
  expect(ran.map(({ code }) => code)).toEqual([1, 3, 1]);
  for (const { stdout, stderr } of ran as Ran[]) expect(stdout + stderr).toMatch(why);
}

/** Two shards, installed with five moved events each, and two more of each that wait. */
async function givenMoved(): Promise<Cluster & { file: string; one: TestDatabase; two: TestDatabase }> {
  const cluster = await givenCluster({ shards: 2 });
  const [one, two] = cluster.shards as [TestDatabase, TestDatabase];
  const file = fileOf(cluster.central, [{ on: one }, { on: two }]);
  await installed(file);
  for (const shard of [one, two]) await givenEvents(shard, 'orders', 5);
  await withMover(file, () => untilMoved(cluster.central, 10));
  for (const shard of [one, two]) await givenEvents(shard, 'orders', 2);
  return { ...cluster, file, one, two };
}

/** Once each, and as many as are said. */
async function expectOnce(central: TestDatabase, counts: Record<string, number>): Promise<void> {
  const list = await origins(central);
  expect(new Set(list).size).toBe(list.length);
  for (const [name, count] of Object.entries(counts))
    expect([name, ids(list, name).length]).toEqual([name, count]);
  expect(list.length).toBe(Object.values(counts).reduce((sum, count) => sum + count, 0));
}

describe('a shard is its database', () => {
  test.each(['create: true', 'start: oldest', 'start: now'])(
    'another name in the file is refused, whatever the queue says (%s), until central is told to rename',
    async (queue) => {
      const { central, one, two } = await givenMoved();
      const file = fileOf(central, [{ on: one, name: 'blue' }, { on: two }], queue);
      const said = new RegExp(
        `central knows as ${one.name}, .*\`name: ${one.name}\`.*\`tributary shard rename ${one.name} blue\``,
      );
      await expectRefused(file, said);
      const own = fileOf(central, [{ on: one, name: 'blue', start: 'oldest' }, { on: two }], queue);
      await expectRefused(own, said);
      // A mover with that file moves the other shard alone.
      await withMover(file, () => untilMoved(central, 12));
      await expectOnce(central, { [one.name]: 5, [two.name]: 7 });

      expect((await run(['-c', file, 'shard', 'rename', one.name, 'blue'])).code).toBe(2);
      expect((await run(['-c', file, 'shard', 'rename', one.name, 'blue', '--dry-run'])).stdout).toMatch(
        /^Would rename 1 source/,
      );
      const renamed = await run(['-c', file, 'shard', 'rename', one.name, 'blue', '--yes']);
      expect([renamed.code, renamed.stdout]).toEqual([
        0,
        expect.stringMatching(/^Renamed 1 source of shard .* to blue\. Events in central keep/),
      ]);
      await installed(file);
      expect((await run(['-c', file, 'check'])).code).toBe(0);
      await withMover(file, () => untilMoved(central, 14));
      await expectOnce(central, { [one.name]: 5, blue: 2, [two.name]: 7 });
      // The old file is now the one that is refused.
      await expectRefused(fileOf(central, [{ on: one }, { on: two }]), /central knows as blue/);
    },
    180_000,
  );

  test('a second host with a database of the same name renames no shard: the error says to name one in the file', async () => {
    const { central, one, two } = await givenMoved();
    const entries = [{ on: one }, { on: two }];
    const file = fileOf(central, [...entries, { on: one, host: '127.0.0.9' }], 'start: oldest');
    const ran = await run(['-c', file, 'install']);
    expect([ran.code, ran.stderr]).toEqual([
      1,
      expect.stringMatching(new RegExp(`central knows as ${one.name}.*lost its short name`)),
    ]);
    expect(
      await central.query("select shard from tributary.source where state <> 'retired' order by 1"),
    ).toEqual([one.name, two.name].sort().map((shard) => ({ shard })));
    const given = fileOf(central, [...entries, { on: one, host: '127.0.0.9', name: 'newcomer' }]);
    await run(['-c', given, 'install']);
    await withMover(given, () => untilMoved(central, 14));
    await expectOnce(central, { [one.name]: 7, [two.name]: 7 });
  }, 120_000);

  test('swapped URLs are refused, and no mover moves anything of either shard', async () => {
    const { central, one, two, file } = await givenMoved();
    const swapped = fileOf(central, [
      { on: two, name: one.name },
      { on: one, name: two.name },
    ]);
    await expectRefused(swapped, new RegExp(`Shard ${one.name} .* central knows as ${two.name}`));
    await withMover(swapped, async (mover) => {
      await mover.waitForLine(new RegExp(`Shard ${one.name} .*central knows as ${two.name}`), {
        timeoutMs: 40_000,
      });
      await mover.waitForLine(new RegExp(`Shard ${two.name} .*central knows as ${one.name}`), {
        timeoutMs: 40_000,
      });
      const isRed = async () => (await run(['-c', swapped, 'lag', '--max', '1h'])).code === 3;
      await until(isRed, { what: 'lag to say so', timeoutMs: 40_000 });
    });
    await expectOnce(central, { [one.name]: 5, [two.name]: 5 });
    await withMover(file, () => untilMoved(central, 14));
    await expectOnce(central, { [one.name]: 7, [two.name]: 7 });
  }, 120_000);

  test('another address of the same database is the same shard', async () => {
    const { central, one, two } = await givenMoved();
    const file = fileOf(
      central,
      [{ on: one, host: 'localhost', name: one.name }, { on: two }],
      'start: oldest',
    );
    expect((await run(['-c', file, 'install'])).stdout).toMatch(/0 installed, 3 unchanged/);
    await withMover(file, () => untilMoved(central, 14));
    await expectOnce(central, { [one.name]: 7, [two.name]: 7 });
  }, 120_000);

  test('a renamed database is the same shard where its name is kept', async () => {
    const { central, one, two } = await givenMoved();
    await expectRefused(fileOf(central, [{ on: one, name: 'other' }, { on: two }]), /central knows as/);
  }, 120_000);

  test('a restored copy goes on under its name, and is noted', async () => {
    const { central, one, two, file } = await givenMoved();
    const noted = () =>
      central.query<{ database: string }>('select database from tributary.shard where name = $1', [one.name]);
    const before = await noted();
    const backup = await givenBackup(one);
    await backup.restore();
    await givenEvents(one, 'orders', 1);
    await withMover(file, async () => {
      await untilMoved(central, 15);
      await until(async () => (await noted())[0]?.database !== before[0]?.database, {
        what: 'another database to be noted',
      });
    });
    await expectOnce(central, { [one.name]: 8, [two.name]: 7 });
  }, 120_000);

  test('a copy of a shard is not that shard, and begins only where its own entry says', async () => {
    const { central, one, two, file } = await givenMoved();
    await withMover(file, () => untilMoved(central, 14));
    const copy = await givenCopy(one);
    const entries = [{ on: one }, { on: two }];
    await expectRefused(
      fileOf(central, [...entries, { on: copy }], 'start: oldest'),
      new RegExp(`as a copy of shard ${one.name}`),
    );
    const own = fileOf(central, [...entries, { on: copy, start: 'now' }]);
    await installed(own);
    for (const shard of [one, copy]) await givenEvents(shard, 'orders', 3);
    await withMover(own, () => untilMoved(central, 20));
    await expectOnce(central, { [one.name]: 10, [two.name]: 7, [copy.name]: 3 });
  }, 120_000);

  test('a shard that comes later begins where the command line says, and known ones go on', async () => {
    const { central, one, two } = await givenMoved();
    const three = await givenDatabase();
    await three.query("select pgq.create_queue('orders')");
    await givenEvents(three, 'orders', 4);
    const file = fileOf(central, [{ on: one }, { on: two }, { on: three }]);
    expect((await run(['-c', file, 'install'])).stderr).toMatch(/holds 4 events already/);
    expect((await run(['-c', file, 'install', '--start', 'oldest'])).code).toBe(2);
    await installed(file, '--start', 'oldest', '--shard', three.name, one.name);
    await installed(file, '--start', 'now', '--shard', three.name, two.name);
    await withMover(file, () => untilMoved(central, 18));
    await expectOnce(central, { [one.name]: 7, [two.name]: 7, [three.name]: 4 });
  }, 120_000);

  test('where a shard is renamed while a mover runs, what is under way arrives once, the rest under the new name', async () => {
    const { central, one, two, file } = await givenMoved();
    await withMover(file, async () => {
      await untilMoved(central, 14);
      let made = 0;
      let isOver = false;
      const load = (async () => {
        while (!isOver) {
          await givenEvents(one, 'orders', 10);
          made += 10;
        }
      })();
      await untilMoved(central, 60);
      expect((await run(['-c', file, 'shard', 'rename', one.name, 'blue', '--yes'])).code).toBe(0);
      await givenEvents(one, 'orders', 5);
      isOver = true;
      await load;
      const next = fileOf(central, [{ on: one, name: 'blue' }, { on: two }]);
      const other = startTributary(['-c', next, 'mover', '--host', 'h']);
      // The mover with the older file lets go within a second or two: until then it may be the one that moves.
      let more = 5;
      const isBlue = async () => {
        await givenEvents(one, 'orders', 1);
        more += 1;
        return ids(await origins(central), 'blue').length > 0;
      };
      await until(isBlue, { what: 'events under the new name', timeoutMs: 60_000 });
      await untilMoved(central, 14 + made + more);
      other.kill('SIGTERM');
      await other.exit;
      const list = await origins(central);
      const all = [...ids(list, one.name), ...ids(list, 'blue')];
      expect(new Set(all).size).toBe(all.length);
      expect(all.length).toBe(7 + made + more);
    });
  }, 180_000);
});

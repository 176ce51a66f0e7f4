// Shards whose names are odd, but allowed, from rows of a query, through all that is done to a shard: by real movers and commands.
import { expect, test } from 'vitest';
import { givenFile } from '../../support/installation/config-file.ts';
import { givenCluster, givenEvents } from '../../support/installation/installation.ts';
import { givenDatabase, type TestDatabase } from '../../support/server/database.ts';
import { givenCopy } from '../../support/server/restore.ts';
import { until } from '../../support/until.ts';
import { consumersOn, originsIn, statesOf, tributary, untilMoved, withMover } from './fleet.ts';

const COMMAS = 'Smith, Jones & "Co"';
const PROTO = '__proto__';
const LONG = `it's ${'日'.repeat(165)}`;
const RENAMED = 'constructor, $(x) `y`';
const [LEFT, RIGHT, WHOLE] = ['left,1', 'right,1', 'toString'];

const countsOf = async (central: TestDatabase): Promise<Map<string, number>> => {
  const counts = new Map<string, number>();
  const origins = await originsIn(central);
  expect(new Set(origins).size).toBe(origins.length);
  for (const origin of origins) {
    const name = origin.slice(0, origin.indexOf(':'));
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
};

test('shards of any allowed name are installed, moved, drained, paused, renamed, moved to a server, split, merged and retired', async () => {
  const { central, shards } = await givenCluster({ shards: 3 });
  const [one, two, three] = shards as [TestDatabase, TestDatabase, TestDatabase];
  await central.query('create table public.tenants (name text, url text)');
  const put = (name: string, { url }: TestDatabase) =>
    central.query('insert into public.tenants values ($1, $2)', [name, url]);
  for (const [name, shard] of [
    [COMMAS, one],
    [PROTO, two],
    [LONG, three],
  ] as const)
    await put(name, shard);
  const file = givenFile(`
name: shop
central: '${central.url}'
install: auto
shards:
  - { query: "select name, url from public.tenants", every: 1s, host: h }
defaults: { tls: off }
queues:
  orders: { workers: none, create: true }
`);
  await tributary(file, 0, 'install');
  for (const shard of shards) await givenEvents(shard, 'orders', 3);
  await withMover(file, async (mover) => {
    await untilMoved(central, 9);
    for (const name of [COMMAS, PROTO, LONG]) {
      expect((await tributary(file, 0, 'shard', 'drain', name)).stdout).toContain(
        `Shard ${name} is drained: everything that was on it is in central`,
      );
      await tributary(file, 0, 'pause', '--shard', name);
      const { sources } = JSON.parse((await tributary(file, 0, 'lag', '--json')).stdout) as {
        sources: { shard: string; state: string; reason: string }[];
      };
      const [paused] = sources.filter(({ state }) => state === 'paused');
      expect(paused?.shard).toBe(name);
      expect(paused?.reason).toMatch(name === PROTO ? /--shard __proto__ / : /--shard '/);
      await tributary(file, 0, 'resume', '--shard', name);
    }
    // Rows that look like a name and are none are said, and change nothing.
    await central.query("insert into public.tenants values ($1, 'postgresql://nowhere/x')", [
      `${PROTO}\u200b`,
    ]);
    await mover.waitForLine(/of a row must not contain the character U\+200B/);

    // The old name is refused only once the row has the new one.
    await tributary(file, 0, 'shard', 'rename', PROTO, RENAMED, '--yes');
    await central.query('update public.tenants set name = $2 where name = $1', [PROTO, RENAMED]);
    const held = 'select from tributary.lease where resource = $1 and is_held';
    await until(async () => (await central.query(held, [`shard:${RENAMED}`])).length === 1, {
      what: 'its mover to have the new name',
      timeoutMs: 60_000,
    });
    await givenEvents(two, 'orders', 2);
    await untilMoved(central, 11);
    expect(await statesOf(central, PROTO)).toEqual([]);

    await tributary(file, 0, 'shard', 'drain', LONG);
    const copy = await givenCopy(three);
    await tributary(file, 0, 'shard', 'move', LONG, '--to', copy.url, '--yes');
    await central.query('update public.tenants set url = $2 where name = $1', [LONG, copy.url]);
    await givenEvents(copy, 'orders', 2);
    await untilMoved(central, 13);
  });

  const [left, right, whole] = [await givenDatabase(), await givenDatabase(), await givenDatabase()];
  for (const [name, shard] of [
    [LEFT, left],
    [RIGHT, right],
    [WHOLE, whole],
  ] as const)
    await put(name, shard);
  for (const shard of [left, right, whole]) {
    await shard.query("select pgq.create_queue('orders')");
    await givenEvents(shard, 'orders', 1);
  }
  const split = await tributary(file, 0, 'shard', 'split', COMMAS, '--into', LEFT, '--into', RIGHT, '--yes');
  expect(split.stdout).toContain(`${LEFT}:orders`);
  expect((await tributary(file, 2, 'shard', 'split', LEFT, '--into', LEFT, '--yes')).stderr).toMatch(
    /Shard left,1 cannot take its own place/,
  );
  await withMover(file, async () => {
    await untilMoved(central, 15);
    await tributary(file, 0, 'shard', 'merge', LEFT, RIGHT, '--into', WHOLE, '--yes');
    await untilMoved(central, 16);
    await tributary(file, 0, 'shard', 'retire', RENAMED, '--yes');
    await until(async () => (await consumersOn(two)) === 0, { what: 'nobody registered' });
  });
  expect(await countsOf(central)).toEqual(
    new Map([
      [COMMAS, 3],
      [PROTO, 3],
      [LONG, 5],
      [RENAMED, 2],
      [LEFT, 1],
      [RIGHT, 1],
      [WHOLE, 1],
    ]),
  );
  for (const name of [COMMAS, LEFT, RIGHT, RENAMED])
    expect([name, await statesOf(central, name)]).toEqual([name, ['retired']]);
}, 240_000);

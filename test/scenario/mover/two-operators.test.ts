// Two operators who do different things to one shard at one moment: one of them is first, and the other is told so or finds nothing
// to do. Whatever comes of it, every event is in central once.
import { expect, test } from 'vitest';
import { readDatabaseIdentity } from '../../../src/shards/identity.ts';
import { givenEvents } from '../../support/installation/installation.ts';
import { startTributary } from '../../support/processes/process.ts';
import { givenDatabase } from '../../support/server/database.ts';
import { givenCopy } from '../../support/server/restore.ts';
import { consumersOn, countsIn, fleetFile, givenFleet, statesOf, untilMoved, withMover } from './fleet.ts';

interface Ended {
  readonly code: number | null;
  readonly said: string;
}

/** Real processes, started together. */
async function together(...commands: readonly (readonly string[])[]): Promise<Ended[]> {
  const processes = commands.map((words) => startTributary(words));
  return await Promise.all(
    processes.map(async (one) => ({
      code: (await one.exit).code,
      said: [...one.stdout, ...one.stderr].join('\n'),
    })),
  );
}

/** A sentence, and no trace of a program that failed. */
const SAID =
  /was faster at this moment|has ended or renamed shard \w+ at this moment|took its place|was retired at|is retired|is the name of|Central knows no|has a shard|Nothing was|central knows as|has left|lead to the same/;

function expectOneFirst(ended: readonly Ended[]): void {
  expect(ended.map(({ code }) => code)).toContain(0);
  for (const { code, said } of ended) {
    expect(code === 0 || SAID.test(said) ? '' : said).toBe('');
    expect(said).not.toMatch(/^\s+at |TypeError|undefined/m);
  }
}

test('retired and split at once, a shard has one end', async () => {
  const { central, one, two } = await givenFleet();
  const red = await givenDatabase();
  await red.query("select pgq.create_queue('orders')");
  await givenEvents(red, 'orders', 2);
  const file = fleetFile(central, { one, two, red });
  await withMover(file, async () => {
    await untilMoved(central, 10);
    const [retired, split] = await together(
      ['-c', file, 'shard', 'retire', 'one', '--yes'],
      ['-c', file, 'shard', 'split', 'one', '--into', 'red', '--yes'],
    );
    expectOneFirst([retired as Ended, split as Ended]);
    const ends = await central.query<{ successors: string[] }>(
      "select successors from tributary.retired_source where shard = 'one'",
    );
    expect(ends).toEqual([{ successors: split?.code === 0 ? ['red'] : [] }]);
    expect(await statesOf(central, 'one')).toEqual(['retired']);
    if (split?.code === 0) await untilMoved(central, 12);
    else expect(await statesOf(central, 'red')).toEqual([]);
  });
  expect(await countsIn(central)).toMatchObject({ one: 5, two: 5 });
  expect(await consumersOn(one)).toBe(0);
}, 120_000);

test('moved to two servers at once, a shard is at one of them; renamed twice at once, it has one name', async () => {
  const { central, one, two, file } = await givenFleet();
  await withMover(file, () => untilMoved(central, 10));
  const [left, right] = [await givenCopy(one), await givenCopy(one)];
  const moved = await together(
    ...[left, right].map(({ url }) => ['-c', file, 'shard', 'move', 'one', '--to', url, '--yes']),
  );
  expectOneFirst(moved);
  // Where both went through, one behind the other, the last one counts: central says which.
  const [at] = await central.query<{ database: string }>(
    "select database from tributary.shard where name = 'one'",
  );
  const place = (
    await Promise.all(
      [left, right].map(async (copy) => {
        const connection = await copy.connect();
        return (await readDatabaseIdentity(connection)) === at?.database ? [copy] : [];
      }),
    )
  ).flat()[0];
  expect(place).toBeDefined();
  const renamed = await together(
    ['-c', file, 'shard', 'rename', 'two', 'zwei', '--yes'],
    ['-c', file, 'shard', 'rename', 'two', 'deux', '--yes'],
  );
  expect(renamed.map(({ code }) => code === 0).sort()).toEqual([false, true]);
  expectOneFirst(renamed);
  const name = renamed[0]?.code === 0 ? 'zwei' : 'deux';
  const next = fleetFile(central, { one: place as typeof left, [name]: two });
  await givenEvents(place as typeof left, 'orders', 2);
  await givenEvents(two, 'orders', 1);
  await withMover(next, () => untilMoved(central, 13));
  expect(await countsIn(central)).toEqual({ one: 7, two: 5, [name]: 1 });
}, 120_000);

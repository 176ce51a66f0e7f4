// A spool on a disk that is full: events are refused with a sentence, what is there is delivered all the same, and then there is room.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createProducer } from '../../../src/producer.ts';
import { openFolder } from '../../../src/spool/folder.ts';
import { Spooler } from '../../../src/spool/spooler.ts';
import { givenQueue } from '../../support/installation/installation.ts';
import { run } from '../../support/processes/run-cli.ts';
import { givenDatabase } from '../../support/server/database.ts';
import { givenSmallDisk } from '../mover/small-disk.ts';

test('a full disk takes no event and loses none', async ({ skip }) => {
  const disk = await givenSmallDisk({ megabytes: 4 });
  if (typeof disk === 'string') return skip(disk);
  const shard = await givenDatabase();
  await givenQueue(shard, 'orders');
  const folder = join(disk.path, 'spool');
  const producer = createProducer({ spool: { folder, fsync: true, segment: '256kB' } });
  const spool = (n: number) => producer.spool('orders', { data: { n, padding: 'x'.repeat(10_000) } });

  let taken = 0;
  const refused = await (async () => {
    for (;;) {
      try {
        await spool(taken + 1);
        taken += 1;
      } catch (error) {
        return error;
      }
    }
  })();
  expect(refused).toMatchObject({ code: 'spool-full' });
  expect(String(refused)).toContain(`The disk of the spool ${folder} is full, and the event was not taken.`);
  expect(taken).toBeGreaterThan(100);
  // Not even a small file finds room.
  disk.fill();
  await expect(spool(taken + 1)).rejects.toMatchObject({ code: 'spool-full' });

  // The command works there as well: it makes a lock and remembers what was delivered, if it can.
  expect(await run(['spool', folder, '--url', shard.url, '--once'])).toMatchObject({ code: 0 });
  const there = async () =>
    (
      await shard.query<{ n: number }>(
        "select (ev_data::json ->> 'n')::int as n from pgq.event_1 order by ev_id",
      )
    ).map(({ n }) => n);
  expect(await there()).toEqual(Array.from({ length: taken }, (_, at) => at + 1));

  // Delivered files are gone, and it goes on.
  await spool(taken + 1);
  disk.free();
  await spool(taken + 2);
  const spooler = new Spooler({
    ...{ folder, spool: openFolder(folder).spool, isOnce: true, onOccurrence: () => {} },
    shard: { ...shard.database, name: 'Shard s1', schema: 'pgq' },
  });
  await spooler.run(new AbortController().signal);
  expect(await there()).toEqual(Array.from({ length: taken + 2 }, (_, at) => at + 1));
  await producer.close();
});

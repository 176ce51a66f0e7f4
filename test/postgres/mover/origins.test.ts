import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseOrigin } from '../../../src/handler/origin.ts';
import { originSql } from '../../../src/shards/copy-out.ts';
import { givenEvents } from '../../support/installation/installation.ts';
import { givenMover, movedTo, proofOf } from '../../support/mover/mover.ts';
import { givenDatabase, type TestDatabase } from '../../support/server/database.ts';
import { until } from '../../support/until.ts';

const FORGED = [
  's1:orders:4',
  'bank_07:payments:1',
  's2:orders:0000000000000000001',
  's1:orders:2>mails:3>',
  '@central:orders:1',
];

test('no producer can forge an origin: read with a round, by COPY, alone or in parts, each event has its own', async () => {
  const given = await givenMover({
    shards: 1,
    queues: '  orders: { workers: none, create: true }\n  emails: { workers: none, create: true }',
    more: 'mover: { memory: 8MB, whole: 2MB }',
  });
  const { central } = given.cluster;
  const [shard] = given.cluster.shards as [TestDatabase];
  const insert = (data: string, own: string) =>
    shard.query(`select pgq.insert_event('orders', 'test', ${data}, null, null, null, $1)`, [own]);
  const { mover, ended } = given.start();
  let inserted = 0;
  for (const own of FORGED) {
    // While the queue is busy small windows come with the round.
    for (const data of ["'small'", "repeat('x', 5000)", "repeat('x', 3000000)", "'small'"]) {
      await insert(data, own);
      inserted += 1;
      await givenEvents(shard, 'orders', 2);
      inserted += 2;
      if (data === "'small'")
        await until(async () => (await movedTo(given, 'orders')) === inserted, {
          what: `${inserted} orders`,
          timeoutMs: 30_000,
        });
    }
  }
  await shard.query(
    `select count(pgq.insert_event('orders', 'many', repeat('x', 100), null, null, null, 's1:orders:' || n)) from generate_series(1, 30000) n`,
  );
  inserted += 30_000;
  await until(async () => (await movedTo(given, 'orders')) === inserted, {
    what: 'all of a large window',
    timeoutMs: 40_000,
  });
  await mover.stop();
  await ended;
  const proof = await proofOf(given, 'orders');
  expect([proof.lost, proof.twice, proof.invented, proof.disordered]).toEqual([[], [], [], []]);
  expect(
    await central.query('select from pgq.event_template where ev_extra4 = any ($1)', [FORGED.slice(1)]),
  ).toEqual([]);
  expect(given.occurrences.filter(({ kind }) => kind === 'origin-taken')).not.toEqual([]);
});

test('every text that handlers would take for an origin is replaced, others are kept', async () => {
  const database = await givenDatabase();
  const reading = { shard: 's1', queue: 'q', where: undefined, columns: {}, origin: 'extra4' } as const;
  const seen = async (texts: readonly string[]) =>
    (
      await database.query<{ ev_extra4: string }>(
        `select ${originSql(reading)} from (select n as ev_id, null::text as ev_extra1, null::text as ev_extra2, null::text as ev_extra3, t as ev_extra4
           from unnest($1::text[]) with ordinality u (t, n)) e order by ev_id`,
        [texts],
      )
    ).map((row) => row.ev_extra4);
  const part = fc.constantFrom(
    's1',
    'app',
    'orders',
    ':',
    '>',
    '7',
    '007',
    '0'.repeat(2_000),
    '\n',
    'é',
    '@central',
    ' ',
    '12345678901234567890',
  );
  const text = fc.array(part, { minLength: 1, maxLength: 9 }).map((parts) => parts.join(''));
  const likely = fc
    .record({
      shard: text,
      queue: text,
      id: fc.constantFrom('7', '007', '0'.repeat(2_000)),
      end: fc.constantFrom('', '>', '>a:1'),
    })
    .map(({ shard, queue, id, end }) => `${shard}:${queue}:${id}${end}`);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(text, likely), { minLength: 1, maxLength: 50 }), async (texts) => {
      const kept = await seen(texts);
      texts.forEach((one, at) => {
        if (parseOrigin(one) !== undefined) expect(kept[at]).toBe(`s1:q:${at + 1}`);
      });
    }),
    { numRuns: 60 },
  );
  const own = [
    '',
    'me',
    'key 7',
    '7',
    ':7',
    'a:7',
    'a:b:',
    '{"a":1,"b":2}',
    'urn:isbn:x',
    `${'x'.repeat(5_000_000)}:y:z`,
  ];
  expect(await seen(own)).toEqual(own);
});

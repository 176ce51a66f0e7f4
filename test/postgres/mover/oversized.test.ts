import { describe, expect, test } from 'vitest';
import { givenEvents } from '../../support/installation/installation.ts';
import { givenMover, movedTo, proofOf } from '../../support/mover/mover.ts';
import { until } from '../../support/until.ts';

describe('mover/row-stream', () => {
  test('an event larger than mover.whole goes through in parts, between its neighbours, unchanged', async () => {
    const given = await givenMover({ shards: 2, more: 'mover: { memory: 8MB, whole: 2MB }' });
    const [one, two] = given.cluster.shards as [typeof given.cluster.central, typeof given.cluster.central];
    await givenEvents(one, 'orders', 5);
    await one.query(
      `select pgq.insert_event('orders', 'large', string_agg(md5(n::text), '')) from generate_series(1, 400000) n`,
    );
    await givenEvents(one, 'orders', 5);
    await one.query(`select pgq.insert_event('orders', 'large', repeat('y', 3000000))`);
    await one.query(`select pgq.insert_event('orders_bulk', 'large', repeat('z', 3000000))`);
    await givenEvents(two, 'orders', 9);
    const { mover, ended } = given.start();
    await until(async () => (await movedTo(given, 'orders')) === 22, {
      what: '22 events',
      timeoutMs: 40_000,
    });
    await givenEvents(one, 'orders', 1);
    await until(async () => (await movedTo(given, 'orders')) === 23, { what: 'one more' });
    await mover.stop();
    await ended;
    const proof = await proofOf(given, 'orders');
    expect([proof.lost, proof.twice, proof.invented, proof.disordered]).toEqual([[], [], [], []]);
    const bodies = `select md5(string_agg(md5(coalesce(ev_data, '')), '' order by ev_type, length(ev_data), ev_data)) as sum
      from TABLE where ev_type = 'large'`;
    const [central] = await given.cluster.central.query(bodies.replace('TABLE', 'pgq.event_1'));
    const [shard] = await one.query(
      bodies.replace(
        'TABLE',
        '(select * from pgq.event_1 union all select * from pgq.event_2 union all select * from pgq.event_3) e',
      ),
    );
    expect(central).toEqual(shard);
    expect(given.occurrences.filter(({ kind }) => kind.endsWith('trouble'))).toEqual([]);
  });
});

import { describe, expect, test } from 'vitest';
import { givenMover, movedTo, proofOf } from '../../support/mover/mover.ts';
import { until } from '../../support/until.ts';

describe('mover/windows/large-windows', () => {
  test('a large transaction that was open when its numbers were ticked is moved once it commits, beside the other queues', async () => {
    const given = await givenMover({
      shards: 1,
      more: 'mover: { whole: { bytes: 64MB, events: 200000 } }',
    });
    const [one] = given.cluster.shards as [typeof given.cluster.central];
    const late = await one.connect();
    await late.script(`begin;
      do $$ begin execute format('insert into %s (ev_time, ev_type, ev_data) select now(), ''big'', n::text
        from generate_series(1, 150000) n', pgq.current_event_table('orders')); end $$`);
    const { mover, ended } = given.start();
    const position = async () =>
      (
        await given.cluster.central.query<{ seq: number }>(
          `select max(p.tick_event_seq) as seq from tributary.position p join tributary.source s on s.id = p.source
           where s.queue = 'orders'`,
        )
      )[0]?.seq ?? 0;
    // Windows of many numbers and no events, which the position leaves behind all the same.
    await until(async () => (await position()) >= 150_000, {
      what: 'a position behind all numbers',
      timeoutMs: 30_000,
    });
    await late.script('commit');
    await late.close();
    await until(async () => (await movedTo(given, 'orders')) === 150_000, {
      what: '150 000 orders',
      timeoutMs: 45_000,
      everyMs: 500,
    });
    await mover.stop();
    await ended;
    const proof = await proofOf(given, 'orders');
    expect([proof.lost, proof.twice, proof.invented, proof.split]).toEqual([[], [], [], []]);
    expect(given.occurrences.filter(({ kind }) => kind.endsWith('trouble'))).toEqual([]);
  });
});

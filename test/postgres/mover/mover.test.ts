import { describe, expect, test } from 'vitest';
import type { MoverOccurrence } from '../../../src/mover/occurrence.ts';
import { holds } from '../../../src/proof/origins.ts';
import { givenEvents } from '../../support/installation/installation.ts';
import { describeProof } from '../../support/mover/describe-proof.ts';
import { givenMover, movedTo, proofOf } from '../../support/mover/mover.ts';
import { until } from '../../support/until.ts';

describe('mover/mover', () => {
  test('moves the events that are there and those that come later, each once, with its origin', async () => {
    const given = await givenMover();
    const [one, two] = given.cluster.shards as [typeof given.cluster.central, typeof given.cluster.central];
    await givenEvents(one, 'orders', 300);
    const { mover, ended } = given.start();
    await givenEvents(two, 'orders', 50);
    await givenEvents(two, 'orders_bulk', 70);
    await givenEvents(one, 'emails', 5);
    await until(async () => (await movedTo(given, 'orders')) === 420, { what: '420 orders' });
    await until(async () => (await movedTo(given, 'emails')) === 5, { what: '5 emails' });
    const proof = await proofOf(given, 'orders');
    expect(describeProof(proof)).toBe(
      '420 committed, 420 moved: each exactly once, in order, no transaction split',
    );
    expect(holds(proof)).toBe(true);
    await mover.stop();
    await ended;
    expect(given.occurrences.filter(({ kind }) => kind.endsWith('trouble'))).toEqual([]);
  });

  test('goes on where it stopped, and central is ticked after each commit', async () => {
    const given = await givenMover({ shards: 1 });
    const [one] = given.cluster.shards as [typeof given.cluster.central];
    const first = given.start();
    await givenEvents(one, 'orders', 100);
    await until(async () => (await movedTo(given, 'orders')) === 100, { what: '100 orders' });
    await first.mover.stop();
    await first.ended;
    await givenEvents(one, 'orders', 11);
    const second = given.start();
    await until(async () => (await movedTo(given, 'orders')) === 111, { what: '111 orders' });
    await second.mover.stop();
    await second.ended;
    expect(holds(await proofOf(given, 'orders'))).toBe(true);
    const [uncovered] = await given.cluster.central.query<{ count: number }>(
      `select count(*) from pgq.event_1 e where not txid_visible_in_snapshot(e.ev_txid,
         (select tick_snapshot from pgq.tick where tick_queue = 1 order by tick_id desc limit 1))`,
    );
    expect(uncovered?.count).toBe(0);
  });
});

describe('mover/windows/large-windows', () => {
  test('a window far larger than the others is read beside them, and cut only above mover.whole', {
    timeout: 180_000,
  }, async () => {
    const given = await givenMover({ shards: 1, more: 'mover: { memory: 16MB, whole: 4MB }' });
    const [one] = given.cluster.shards as [typeof given.cluster.central];
    await one.query(
      `select count(pgq.insert_event('orders', 'big', repeat('x', 100))) from generate_series(1, 120000)`,
    );
    await givenEvents(one, 'emails', 3);
    const { mover, ended } = given.start();
    await until(async () => (await movedTo(given, 'emails')) === 3, { what: '3 emails' });
    await until(async () => (await movedTo(given, 'orders')) === 120_000, {
      what: '120 000 orders',
      timeoutMs: 150_000,
      everyMs: 500,
    });
    await mover.stop();
    await ended;
    const proof = await proofOf(given, 'orders');
    expect({ ...proof, split: [] }).toEqual({
      ...proof,
      lost: [],
      invented: [],
      twice: [],
      disordered: [],
      split: [],
    });
    expect(given.occurrences.filter(({ kind }) => kind === 'window-cut').length).toBeGreaterThan(0);
    // A beat of the leases may be late where the machine is busy; reading and committing have no trouble.
    const isLease = (one: MoverOccurrence) => one.kind === 'central-trouble' && one.queue === undefined;
    expect(given.occurrences.filter((one) => one.kind.endsWith('trouble') && !isLease(one))).toEqual([]);
  });
});

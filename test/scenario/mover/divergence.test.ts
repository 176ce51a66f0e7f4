// Shards and central that went back in time, and queues that are not what they were: nothing is guessed, nobody else stops.
import { describe, expect, test } from 'vitest';
import { givenEvents } from '../../support/installation/installation.ts';
import { type Forwarding, givenForwarding } from '../../support/mover/forwarding.ts';
import type { TestProcess } from '../../support/processes/process.ts';
import { run } from '../../support/processes/run-cli.ts';
import type { TestDatabase } from '../../support/server/database.ts';
import { givenBackup } from '../../support/server/restore.ts';
import { until } from '../../support/until.ts';

const untilMoved = (forwarding: Forwarding, events: number) =>
  until(async () => (await forwarding.moved()) >= events, { what: `${events} moved events` });

const untilHalted = ({ central }: Forwarding, shard: string, queue: string) =>
  until(
    async () => {
      const [row] = await central.query<{ halt_reason: string | null }>(
        `select halt_reason from tributary.source where state = 'halted' and shard = $1 and queue = $2`,
        [shard, queue],
      );
      return row?.halt_reason;
    },
    { what: `${shard}:${queue} to be halted` },
  );

const haltedIn = async ({ central }: Forwarding): Promise<string[]> =>
  (
    await central.query<{ name: string }>(
      `select shard || ':' || queue as name from tributary.source where state = 'halted' order by 1`,
    )
  ).map(({ name }) => name);

async function end(mover: TestProcess): Promise<void> {
  mover.kill('SIGTERM');
  expect((await mover.exit).code).toBe(0);
}

describe('mover', () => {
  test('a shard restored from an older copy, with the same ticks for other events, halts with a sentence that names it', async () => {
    const forwarding = await givenForwarding({ shards: 2 });
    const [one, two] = forwarding.shards as [TestDatabase, TestDatabase];
    const first = forwarding.startMover();
    await givenEvents(one, 'orders', 5);
    await givenEvents(one, 'email_out', 5);
    await untilMoved(forwarding, 10);
    await end(first);
    const backup = await givenBackup(one);
    const second = forwarding.startMover();
    await givenEvents(one, 'orders', 3);
    await untilMoved(forwarding, 13);
    await end(second);
    await backup.restore();
    // The new branch makes as many ticks as the lost one had.
    for (let n = 0; n < 3; n += 1) {
      await givenEvents(one, 'orders', 1);
      await one.query('select pgq.ticker($1)', ['orders']);
    }
    const third = forwarding.startMover();
    const reason = await untilHalted(forwarding, 's1', 'orders');
    expect(reason).toMatch(/^Source s1:orders is halted: .*tick \d+ .*restored.*`tributary repair s1:orders/);
    await givenEvents(one, 'email_out', 2);
    await givenEvents(two, 'orders', 4);
    await untilMoved(forwarding, 19);
    expect(await haltedIn(forwarding)).toEqual(['s1:orders']);
    expect((await forwarding.proof()).twice).toEqual([]);
    await end(third);
  });

  test('a queue dropped and created again halts under a running mover; one that is missing does not disturb others', async () => {
    const forwarding = await givenForwarding({ shards: 2 });
    const [one, two] = forwarding.shards as [TestDatabase, TestDatabase];
    const mover = forwarding.startMover();
    for (const shard of [one, two]) await givenEvents(shard, 'orders', 5);
    await givenEvents(two, 'email_bulk', 5);
    await untilMoved(forwarding, 15);
    await one.query(`select pgq.drop_queue('orders', true); `);
    await one.query(`select pgq.create_queue('orders')`);
    await two.query(`select pgq.drop_queue('email_bulk', true)`);
    await givenEvents(one, 'orders', 2);
    expect(await untilHalted(forwarding, 's1', 'orders')).toContain('created anew');
    await givenEvents(one, 'email_out', 3);
    await givenEvents(two, 'orders', 4);
    await untilMoved(forwarding, 22);
    expect(await haltedIn(forwarding)).toEqual(['s1:orders']);
    // The same mover goes on with the new queue's tables.
    const { code, stderr } = await run([
      '-c',
      forwarding.file,
      'repair',
      's1:orders',
      '--take-over',
      '--yes',
    ]);
    expect([code, stderr]).toEqual([0, expect.not.stringContaining('rror')]);
    await untilMoved(forwarding, 24);
    await givenEvents(one, 'orders', 3);
    await untilMoved(forwarding, 27);
    expect(await haltedIn(forwarding)).toEqual([]);
    await end(mover);
  });

  test('after central is restored from an older copy the running mover moves again what it lost, also where nothing new comes', async () => {
    const forwarding = await givenForwarding({ shards: 2 });
    const [one, two] = forwarding.shards as [TestDatabase, TestDatabase];
    const first = forwarding.startMover();
    for (const queue of ['orders', 'email_out']) await givenEvents(one, queue, 20);
    await untilMoved(forwarding, 40);
    await end(first);
    const backup = await givenBackup(forwarding.central);
    const second = forwarding.startMover();
    for (const shard of [one, two]) await givenEvents(shard, 'orders', 30);
    await givenEvents(two, 'email_bulk', 7);
    await untilMoved(forwarding, 107);
    await backup.restore();
    expect((await forwarding.untilProven()).moved).toBe(107);
    await givenEvents(two, 'email_bulk', 3);
    expect((await forwarding.untilProven()).moved).toBe(110);
    expect(await haltedIn(forwarding)).toEqual([]);
    await end(second);
  });
});

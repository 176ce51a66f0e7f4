import { expect, test } from 'vitest';
import type { Config } from '../../../src/config/config.ts';
import { install } from '../../../src/install/install.ts';
import { Mover } from '../../../src/mover/mover.ts';
import { configFor, givenCluster, givenEvents } from '../../support/installation/installation.ts';
import { until } from '../../support/until.ts';

const QUEUES = '  orders: { workers: none, create: true }';

test.each([
  ['the older file first', [1, 3]],
  ['the newer file first', [3, 1]],
  ['and one of the elder again', [1, 3, 1]],
])(
  'movers of one host whose files differ leave no shard unmoved: %s',
  async (_, files) => {
    const cluster = await givenCluster({ shards: 3 });
    const { central, shards } = cluster;
    const configOf = (known: number): Config =>
      configFor(
        { central, shards: shards.slice(0, known) },
        { queues: QUEUES, more: 'mover: { adopt_after: 3s }' },
      );
    const mistakes = (await install(configOf(3))).flatMap((row) => row.mistakes);
    expect(mistakes).toEqual([]);
    const running: { mover: Mover; ended: Promise<void> }[] = [];
    for (const known of files) {
      const mover = new Mover({ config: configOf(known), host: '127.0.0.1', onOccurrence: () => {} });
      running.push({ mover, ended: mover.run() });
      await until(
        () =>
          central
            .query('select 1 from tributary.member where id = $1 and beats > 3', [mover.memberId])
            .then(({ length }) => length),
        { what: 'its beats', timeoutMs: 30_000 },
      );
    }
    const holders = async () => {
      const rows = await central.query<{ resource: string; holder: string | null }>(
        'select resource, case when is_held then holder::text end as holder from tributary.lease order by resource',
      );
      return rows.map(({ resource, holder }) => `${resource} ${holder}`);
    };
    let before: string[] = [];
    await until(
      async () => {
        const now = await holders();
        const isStill =
          now.length === 4 && now.every((one, at) => one === before[at] && !one.endsWith(' null'));
        before = now;
        return isStill;
      },
      { what: 'every lease held, and by the same', everyMs: 5_000, timeoutMs: 90_000 },
    );
    for (const shard of shards) await givenEvents(shard, 'orders', 2);
    await until(
      async () => (await central.query<{ n: number }>('select count(*) as n from pgq.event_1'))[0]?.n === 6,
      { what: 'events of all shards', timeoutMs: 30_000 },
    );
    for (const { mover } of running) await mover.stop();
    for (const { ended } of running) await ended;
  },
  180_000,
);

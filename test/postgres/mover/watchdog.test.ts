import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { armFailPoint } from '../../../src/lifecycle/fail-point.ts';
import { Mover } from '../../../src/mover/mover.ts';
import { logMover } from '../../../src/observability/mover-log.ts';
import { givenEvents } from '../../support/installation/installation.ts';
import { givenMover } from '../../support/mover/mover.ts';
import { until } from '../../support/until.ts';

test('a loop that hangs is named, in the log too, and restarted, while the others go on', async () => {
  const { cluster, config, occurrences } = await givenMover({
    shards: 2,
    queues: '  orders: { workers: none, create: true }',
  });
  armFailPoint('round:before=hang*20');
  onTestFinished(() => armFailPoint(undefined));
  const lines: string[] = [];
  const log = logMover(pino({ level: 'warn' }, { write: (line: string) => lines.push(line) }));
  const mover = new Mover({
    config,
    host: '127.0.0.1',
    stillMs: 12_000,
    onOccurrence: (one) => {
      occurrences.push(one);
      log(one);
    },
  });
  const ended = mover.run();
  const stoodStill = () => occurrences.filter(({ kind }) => kind === 'stood-still');
  await until(() => stoodStill().length > 0, { what: 'a loop that stands still', timeoutMs: 60_000 });
  expect(stoodStill()).toEqual([
    { kind: 'stood-still', loop: expect.stringMatching(/^shard s[12]$/), ms: 12_000 },
  ]);
  expect(lines.join('')).toMatch(/shard s[12] took no turn for 12s and was started again/);
  for (const shard of cluster.shards) await givenEvents(shard, 'orders', 3);
  await until(
    async () =>
      (await cluster.central.query<{ n: number }>('select count(*) as n from pgq.event_1'))[0]?.n === 6,
    { what: 'events of both shards', timeoutMs: 30_000 },
  );
  await mover.stop();
  await ended;
  expect(stoodStill()).toHaveLength(1);
}, 120_000);

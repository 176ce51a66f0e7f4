// Movers as real processes that are killed or frozen, and the proof from both sides that each event was moved exactly once.
import { describe, expect, test } from 'vitest';
import { givenForwarding, SOURCE_QUEUES } from '../../support/mover/forwarding.ts';
import { FORWARDING_POINTS } from '../../support/mover/forwarding-points.ts';
import { startLoad } from '../../support/mover/load.ts';
import { stateOf } from '../../support/processes/process.ts';
import { randomFrom } from '../../support/random.ts';
import { until } from '../../support/until.ts';

const random = randomFrom(Number(process.env.TRIBUTARY_SEED ?? Math.floor(Math.random() * 2 ** 31)));

process.stdout.write(`TRIBUTARY_SEED=${random.seed}\n`);

describe('mover', () => {
  test('killed with SIGKILL again and again under load, it moves each event exactly once and in order', async () => {
    const forwarding = await givenForwarding({ shards: 4 });
    const load = startLoad(forwarding.shards, { queues: SOURCE_QUEUES, random });
    for (let kills = 0; kills < 5; kills += 1) {
      const mover = forwarding.startMover();
      const goal = (await forwarding.moved()) + 1 + random.below(400);
      await until(async () => (await forwarding.moved()) > goal, { what: 'more moved events' });
      mover.kill('SIGKILL');
      await mover.exit;
    }
    const last = forwarding.startMover();
    await load.stop();
    expect((await forwarding.untilProven()).committed).toBeGreaterThan(500);
    last.kill('SIGTERM');
    expect((await last.exit).code).toBe(0);
  });

  test('SIGTERM drains: it ends with 0, and all that it read is committed', async () => {
    const forwarding = await givenForwarding({ shards: 2 });
    const load = startLoad(forwarding.shards, { queues: SOURCE_QUEUES, random });
    const mover = forwarding.startMover();
    await until(async () => (await forwarding.moved()) > 100, { what: 'moved events' });
    mover.kill('SIGTERM');
    expect(await mover.exit).toEqual({ code: 0, signal: null });
    await load.stop();
    const sums = await forwarding.central.query<{ n: number }>(
      'select sum(moved) as n from (select max(moved) as moved from tributary.position group by source) s',
    );
    // Bigint sums come as text.
    expect(Number(sums[0]?.n)).toBe(await forwarding.moved());
    const next = forwarding.startMover();
    await forwarding.untilProven();
    next.kill('SIGTERM');
    expect((await next.exit).code).toBe(0);
  });

  test('killed at each fail point in turn, it really dies there, and nothing is lost or repeated', async () => {
    const forwarding = await givenForwarding({ shards: 2 });
    const load = startLoad(forwarding.shards, { queues: SOURCE_QUEUES, random, bulk: 200 });
    for (const point of FORWARDING_POINTS) {
      const passes = point.startsWith('watermark') ? 1 : 1 + random.below(3);
      const dying = forwarding.startMover({ env: { TRIBUTARY_FAIL_POINT: `${point}=kill*${passes}` } });
      expect(await dying.exit, point).toEqual({ code: null, signal: 'SIGKILL' });
    }
    const last = forwarding.startMover();
    await load.stop();
    await forwarding.untilProven();
    last.kill('SIGTERM');
    expect((await last.exit).code).toBe(0);
  });

  test.skipIf(process.platform !== 'linux')(
    'frozen at every fail point and never continued, it delays the next mover by a few seconds at most',
    async () => {
      const forwarding = await givenForwarding({ shards: 2 });
      const load = startLoad(forwarding.shards, { queues: SOURCE_QUEUES, random, bulk: 200, everyMs: 50 });
      // All at once, without leases: each of them stops in the middle of what it holds.
      const frozen = FORWARDING_POINTS.map((point) =>
        forwarding.startMover({ env: { TRIBUTARY_FAIL_POINT: `${point}=stop` } }),
      );
      const isFrozen = () => frozen.every(({ pid }) => stateOf(pid) === 'T');
      await until(isFrozen, { what: 'movers frozen at every fail point', timeoutMs: 60_000 });
      const next = forwarding.startMover();
      await load.stop();
      await forwarding.untilProven();
      next.kill('SIGTERM');
      expect((await next.exit).code).toBe(0);
      for (const one of frozen) one.kill('SIGKILL');
    },
  );
});

import { describe, expect, test } from 'vitest';
import { givenFile } from '../../support/installation/config-file.ts';
import { fileFor, givenEvents } from '../../support/installation/installation.ts';
import { type Given as GivenMover, givenMover } from '../../support/mover/mover.ts';
import { run } from '../../support/processes/run-cli.ts';
import { until } from '../../support/until.ts';

const QUEUES =
  '  orders: { workers: none, create: true, from: [orders, orders_bulk] }\n  emails: { workers: none, create: true }';

interface Given extends GivenMover {
  tributary(...argv: string[]): ReturnType<typeof run>;
  /** `shard:queue` of all paused sources. */
  paused(): Promise<string[]>;
}

async function given(): Promise<Given> {
  const all = await givenMover({ shards: 2, queues: QUEUES });
  const file = givenFile(fileFor(all.cluster, { queues: QUEUES }));
  return {
    ...all,
    tributary: (...argv) => run(['-c', file, ...argv]),
    paused: async () =>
      (
        await all.cluster.central.query<{ name: string }>(
          "select shard || ':' || queue as name from tributary.source where paused_at is not null order by 1",
        )
      ).map(({ name }) => name),
  };
}

describe('cli/pause and resume', () => {
  test('reach one source, one shard, one source queue, one central queue, or all', async () => {
    const { tributary, paused } = await given();
    const pausing = async (...argv: string[]) => {
      const { code, stdout, stderr } = await tributary('pause', ...argv);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const names = await paused();
      await tributary('resume');
      expect(await paused()).toEqual([]);
      return { stdout, names };
    };
    expect(await pausing('--shard', 's2', '--queue', 'orders')).toEqual({
      stdout: 'Paused 1 source.\n',
      names: ['s2:orders'],
    });
    expect((await pausing('--shard', 's1')).names).toEqual(['s1:emails', 's1:orders', 's1:orders_bulk']);
    expect((await pausing('--queue', 'orders_bulk')).names).toEqual(['s1:orders_bulk', 's2:orders_bulk']);
    expect((await pausing('--queue', 'orders')).names).toEqual([
      's1:orders',
      's1:orders_bulk',
      's2:orders',
      's2:orders_bulk',
    ]);
    expect(await pausing()).toMatchObject({ stdout: 'Paused 6 sources.\n' });
  });

  test('say how many were paused before, and keep the time and the reason of the first pause', async () => {
    const { tributary, cluster } = await given();
    const first = () =>
      cluster.central.query(
        'select paused_at, pause_reason from tributary.source where shard = $1 and queue = $2',
        ['s1', 'emails'],
      );
    await tributary('pause', '--shard', 's1', '--queue', 'emails', '--reason', 'mail provider is down');
    const before = await first();
    expect((await tributary('pause', '--shard', 's1')).stdout).toBe(
      'Paused 2 sources; 1 was paused before.\n',
    );
    expect(await first()).toEqual(before);
    expect((await tributary('lag')).stdout).toMatch(
      /s1:emails +paused .*\n {2}Paused \d s ago: mail provider is down\. `tributary resume --shard s1 --queue emails` lets it go on\./,
    );
    expect((await tributary('resume')).stdout).toBe('Resumed 3 sources; 3 were not paused.\n');
  });

  test('name the nearest where a name is not known', async () => {
    const { tributary } = await given();
    const { code, stderr } = await tributary('pause', '--shard', 's11');
    expect(code).toBe(2);
    expect(stderr).toMatch(/^Shard s11 is not in .*shards\.yaml\. Did you mean s1\?\n$/);
    expect((await tributary('resume', '--queue', 'order')).stderr).toMatch(
      /^Queue order is not in .* Did you mean orders\?/,
    );
  });

  test('a halted source is not resumed; the others are, and repair is named', async () => {
    const { tributary, cluster, paused } = await given();
    await tributary('pause', '--shard', 's1');
    await cluster.central.query(
      "update tributary.source set state = 'halted', halt_reason = 'The shard went back.' where shard = 's1' and queue = 'emails'",
    );
    const { code, stdout, stderr } = await tributary('resume', '--shard', 's1');
    expect({ code, stdout }).toEqual({ code: 1, stdout: 'Resumed 2 sources.\n' });
    expect(stderr).toBe(
      'Source s1:emails is halted and cannot be resumed: The shard went back. `tributary repair s1:emails --dry-run` shows the ways on.\n',
    );
    expect(await paused()).toEqual(['s1:emails']);
    expect((await tributary('lag', '--by', 'source')).stdout).toMatch(/s1:emails +halted/);
  });

  test('stop and start what a running mover moves, within seconds, and lag says so', async () => {
    const all = await given();
    const [one] = all.cluster.shards;
    if (one === undefined) throw new Error('no shard');
    all.start();
    const stateOf = async (name: string) => {
      const { sources } = JSON.parse((await all.tributary('lag', '--json', '--live')).stdout);
      return sources.find(
        (source: { shard: string; queue: string }) => `${source.shard}:${source.queue}` === name,
      );
    };
    await givenEvents(one, 'orders', 2);
    await until(async () => (await stateOf('s1:orders')).moved === 2, { what: 'two events' });
    await all.tributary('pause', '--queue', 'orders', '--shard', 's1');
    // The mover asks every second; a source that it has let go shows in what it reports.
    await until(
      async () =>
        (
          await all.cluster.central.query(
            "select from tributary.source_lag l join tributary.source s on s.id = l.source where s.shard = 's1' and s.queue = 'orders' and l.state = 'paused'",
          )
        ).length === 1,
      { what: 'the mover to keep still' },
    );
    await givenEvents(one, 'orders', 5);
    await givenEvents(one, 'orders_bulk', 1);
    await until(async () => (await stateOf('s1:orders_bulk')).moved === 1, { what: 'the neighbour to move' });
    expect(await stateOf('s1:orders')).toMatchObject({
      state: 'paused',
      events_behind: 5,
      exact: true,
      moved: 2,
    });
    await all.tributary('resume', '--queue', 'orders', '--shard', 's1');
    await until(async () => (await stateOf('s1:orders')).moved === 7, { what: 'the rest' });
    await until(async () => (await stateOf('s1:orders')).state === 'moving', { what: 'the mover to say so' });
    expect(await stateOf('s1:orders')).toMatchObject({ reason: null, events_behind: 0 });
  });
});

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { install } from '../../../src/install/install.ts';
import { givenConfig, givenFile } from '../../support/installation/config-file.ts';
import { fileFor, givenCluster, givenEvents } from '../../support/installation/installation.ts';
import { givenBlackHole } from '../../support/network/black-hole.ts';
import { startTributary, type TestProcess } from '../../support/processes/process.ts';
import { run } from '../../support/processes/run-cli.ts';
import { givenDatabase, type TestDatabase } from '../../support/server/database.ts';
import { givenServer, type TestServer } from '../../support/server/server.ts';
import { until } from '../../support/until.ts';

const QUEUES = '  orders: { workers: none, create: true }';

interface SourceJson {
  readonly shard: string;
  readonly state: string;
  readonly reason: string | null;
  readonly mover: string | null;
  readonly events_behind: number | null;
  readonly age_seconds: number | null;
  readonly seconds_behind: number | null;
  readonly moved: number;
}

interface Given {
  readonly central: TestDatabase;
  readonly near: TestDatabase;
  /** Of shard s2; only where `hasOwnServer`. */
  readonly server: TestServer | undefined;
  readonly file: string;
  lag(...options: string[]): Promise<SourceJson[]>;
  source(shard: string, ...options: string[]): Promise<SourceJson>;
  startMover(): TestProcess;
}

/** Shards s1 and s2, installed. */
async function given({ hasOwnServer = false } = {}): Promise<Given> {
  const cluster = await givenCluster({ shards: 1 });
  const near = cluster.shards[0] as TestDatabase;
  const server = hasOwnServer ? await givenServer() : undefined;
  const far = await givenDatabase(server === undefined ? {} : { server });
  const text = fileFor({ central: cluster.central, shards: [near, far] }, { queues: QUEUES });
  const file = givenFile(text);
  expect((await install(givenConfig(text))).flatMap(({ mistakes }) => mistakes)).toEqual([]);
  await givenEvents(near, 'orders', 3);
  await givenEvents(far, 'orders', 4);
  const lag = async (...options: string[]) => {
    const { stdout, stderr } = await run(['-c', file, 'lag', '--json', ...options]);
    expect(stderr).toBe('');
    return JSON.parse(stdout).sources as SourceJson[];
  };
  return {
    central: cluster.central,
    near,
    server,
    file,
    lag,
    source: async (shard, ...options) =>
      (await lag(...options)).find((one) => one.shard === shard) as SourceJson,
    startMover: () => startTributary(['-c', file, 'mover', '--host', '127.0.0.1']),
  };
}

/** Waits for what `lag` says of one shard's source. */
const untilSource = (
  { source }: Given,
  shard: string,
  { what, ...is }: { what: string; is(source: SourceJson): boolean },
): Promise<SourceJson> =>
  until(
    async () => {
      const one = await source(shard);
      return is.is(one) && one;
    },
    { what, timeoutMs: 40_000, everyMs: 200 },
  );

describe('cli/commands/lag', () => {
  test('a stopped server makes its source unreachable, with a reason, and the others stay well', async () => {
    const all = await given({ hasOwnServer: true });
    const mover = all.startMover();
    await untilSource(all, 's2', {
      what: 's2 to be moved, and seen to be',
      is: ({ moved, events_behind: behind }) => moved === 4 && behind === 0,
    });
    await all.server?.stop();
    const unreachable = await untilSource(all, 's2', {
      what: 's2 to be unreachable',
      is: ({ state }) => state === 'unreachable',
    });
    expect(unreachable.reason).toMatch(/^Shard s2/);
    await givenEvents(all.near, 'orders', 2);
    const well = await untilSource(all, 's1', {
      what: 's1 to move on, and the mover to say so',
      is: ({ moved, state }) => moved === 5 && state === 'moving',
    });
    expect(well).toMatchObject({ reason: null, mover: '127.0.0.1' });
    const later = await untilSource(all, 's2', {
      what: 'figures of s2 older than 10 s',
      is: ({ age_seconds }) => (age_seconds ?? 0) > 5,
    });
    expect(later).toMatchObject({ state: 'unreachable', moved: 4 });
    // The last known figure is the mover's, perhaps from before its commit; of now nobody knows that nothing waits.
    expect([null, 4]).toContain(later.events_behind);
    expect(later.reason).toMatch(/^Shard s2 refuses connections/);
    expect(await all.source('s1', '--live')).toMatchObject({ events_behind: 0, reason: null });

    const judged = await run(['-c', all.file, 'lag', '--max', '60s']);
    expect(judged.stderr).toBe('Further behind than 1m, not moving, or failing: s2:orders.\n');
    expect(judged.code).toBe(3);
    expect(judged.stdout).toMatch(/s2:orders +unreachable .*\n {2}Shard s2 refuses connections/);
    expect(judged.stdout).toMatch(/1 of 2 sources are healthy/);
    mover.kill();
    await mover.exit;
  });

  test('a killed mover is not shown as moving for longer than three seconds', async () => {
    const all = await given();
    const mover = all.startMover();
    await untilSource(all, 's1', {
      what: 's1 to be moved, and the mover to say so',
      is: ({ moved, state }) => moved === 3 && state !== 'unassigned',
    });
    mover.kill('SIGKILL');
    await mover.exit;
    const killedMs = Date.now();
    await givenEvents(all.near, 'orders', 6);
    const left = await untilSource(all, 's1', {
      what: 's1 to be unassigned',
      is: ({ state }) => state === 'unassigned',
    });
    // Two seconds may have passed since its last word; the rest is what a busy machine takes to start a process.
    expect(Date.now() - killedMs).toBeLessThan(9_000);
    expect(left.events_behind).toBe(6);
    expect(left.seconds_behind).toBeGreaterThan(1);
    expect(left.reason).toMatch(/^The mover on host 127.0.0.1 holds shard s1 and last reported \d s ago: /);
    const again = all.startMover();
    expect(
      await untilSource(all, 's1', { what: 's1 to be moved again', is: ({ moved }) => moved === 9 }),
    ).toMatchObject({ mover: '127.0.0.1' });
    again.kill();
    await again.exit;
    expect(await all.source('s1')).toMatchObject({
      state: 'unassigned',
      reason: expect.stringMatching(
        /^No mover moves shard s1 since the one on host 127.0.0.1 let go of it \d+ s ago/,
      ),
    });
  });

  test('shards that never answer are asked side by side, and delay the others by seconds only', async () => {
    const all = await given();
    const { port } = await givenBlackHole();
    const dead = Array.from(
      { length: 60 },
      (_, at) => `  - { name: dead${at}, url: 'postgres://ann:x@127.0.0.1:${port}/d${at}' }`,
    );
    const file = givenFile(
      readFileSync(all.file, 'utf8').replace('shards:\n', `shards:\n${dead.join('\n')}\n`),
    );
    await all.central.query(
      "insert into tributary.source (shard, queue, central_queue, state) select 'dead' || n, 'orders', 'orders', 'active' from generate_series(0, 59) n",
    );
    await all.central.query(
      `insert into tributary.position_0 (source, n, tick_id, tick_time_us, tick_event_seq, tick_snapshot_md5, moved)
       select id, 1, 1, 0, 0, '', 0 from tributary.source where shard like 'dead%'`,
    );
    const beganMs = Date.now();
    const { stdout } = await run(['-c', file, 'lag', '--json']);
    expect(Date.now() - beganMs).toBeLessThan(9_000);
    const sources = JSON.parse(stdout).sources as SourceJson[];
    expect(sources).toHaveLength(62);
    expect(sources.filter(({ state }) => state === 'unreachable')).toHaveLength(60);
    expect(sources.find(({ shard }) => shard === 's1')).toMatchObject({
      state: 'unassigned',
      events_behind: 3,
    });
    expect(sources.find(({ shard }) => shard === 'dead7')?.reason).toMatch(/^Shard dead7 does not answer/);
  });

  test('--watch goes on until a signal ends it', async () => {
    const all = await given();
    const watching = startTributary(['-c', all.file, 'lag', '--watch', '--json']);
    const lines = () => watching.stdout.length;
    await until(() => lines() >= 3, { what: 'three lines', timeoutMs: 30_000 });
    watching.kill('SIGINT');
    expect(await watching.exit).toEqual({ code: 0, signal: null });
    expect(watching.stdout.map((line) => JSON.parse(line).sources.length)).toEqual(Array(lines()).fill(2));
    expect(watching.stderr).toEqual([]);
  });
});

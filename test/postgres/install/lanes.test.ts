// Lanes of a central queue as install makes and changes them, what `lag` and `doctor` say of them, and what operators do with a key
// that is paused.
import { describe, expect, test } from 'vitest';
import type { FleetOccurrence } from '../../../src/fleet/occurrence.ts';
import { AutoInstall } from '../../../src/install/auto-install.ts';
import { install } from '../../../src/install/install.ts';
import { type CoopBatch, coopFinishSql, coopNextBatch } from '../../../src/queue/coop.ts';
import { givenFolder, writeFile } from '../../support/files.ts';
import { givenFile } from '../../support/installation/config-file.ts';
import { type Cluster, configFor, fileFor, givenCluster } from '../../support/installation/installation.ts';
import { run } from '../../support/processes/run-cli.ts';
import { until } from '../../support/until.ts';

const handler = writeFile(givenFolder(), 'orders.js', { text: 'export default { event() {} };' });
const GROUP = 'workers_shop';

const withLanes = (lanes: string) => `  orders: { create: true, handler: '${handler}', ${lanes} }`;
const installed = async (cluster: Cluster, lanes: string) =>
  (await install(configFor(cluster, { queues: withLanes(lanes) }))).find(({ name }) => name === 'central');

async function given({ central }: Cluster, ...keys: readonly string[]): Promise<void> {
  for (const key of keys)
    await central.query("select pgq.insert_event('orders', 'made', '{}', $1, null, null, 's:orders:1')", [
      key,
    ]);
  await central.query("select tributary.tick('orders', null)");
}

const next = ({ central }: Cluster): Promise<CoopBatch | undefined> =>
  coopNextBatch(central, { queue: 'orders', group: GROUP, member: 'orders#1', knowsProgress: true });

/** Keys of all batches that there are, each finished; of these keys the first event is put off, for long. */
async function handled(cluster: Cluster, ...failing: readonly string[]): Promise<(string | null)[]> {
  const { central } = cluster;
  const all: (string | null)[] = [];
  for (;;) {
    const batch = await next(cluster);
    if (batch === undefined) return all.sort();
    const rows = await central.query<{ id: number; key: string | null }>(
      'select ev_id as id, ev_extra1 as key from tributary.lane_events($1)',
      [batch.token],
    );
    const failed = rows.find(({ key }) => key !== null && failing.includes(key));
    if (failed !== undefined) {
      const event = {
        ...{ id: failed.id, time: new Date().toISOString(), retry: 1, type: 'made', data: '{}' },
        ...{ extra1: failed.key, origin: 's:orders:1', after_ms: 3_600_000, attempts: 1, error: 'away' },
      };
      await central.query('select tributary.put_off($1, $2, $3, $4, $5)', [
        ...['orders', GROUP, JSON.stringify([event])],
        ...[batch.token, failed.id],
      ]);
    }
    const rest = await central.query<{ key: string | null }>(
      'select ev_extra1 as key from tributary.lane_events($1) where ev_id is distinct from $2',
      [batch.token, failed?.id ?? null],
    );
    all.push(...rest.map(({ key }) => key));
    await central.query(coopFinishSql(batch.token));
  }
}

async function laneOf(central: Cluster['central'], key: string): Promise<number | undefined> {
  const [row] = await central.query<{ lane: number }>(
    'select lane from tributary.lane where tributary.bucket_of($1, 0) = any (buckets)',
    [key],
  );
  return row?.lane;
}

describe('lanes of a central queue', () => {
  test('they begin, change and end behind what waits; `lag` says it, and a key that cannot be one is refused', async () => {
    const cluster = await givenCluster();
    const { central } = cluster;
    expect((await installed(cluster, ''))?.mistakes).toEqual([]);
    await given(cluster, 'a', 'b');
    const refused = await installed(cluster, 'key: random(), lanes: 2');
    expect(refused?.mistakes.join()).toMatch(
      /The key of the lanes of queue orders, random\(\), cannot be used: .*IMMUTABLE.*over ev_type, ev_data and ev_extra1/,
    );
    expect(await installed(cluster, 'key: ev_extra1, lanes: 2')).toMatchObject({
      mistakes: [],
      did: [expect.stringMatching(/let queue orders have 2 lanes by ev_extra1, behind what waits now/)],
    });
    expect((await installed(cluster, 'key: ev_extra1, lanes: 2'))?.outcome).toBe('unchanged');
    const limited = 'key: ev_extra1, lanes: 2, fair: true, limits: { per_key: 10/s }';
    expect((await installed(cluster, limited))?.did).toEqual([
      expect.stringMatching(/let queue orders be fair to its keys, and start 10 events of a key a second/),
    ]);
    expect((await installed(cluster, limited))?.outcome).toBe('unchanged');
    expect((await installed(cluster, 'key: ev_extra1, lanes: 2'))?.did).toEqual([
      expect.stringMatching(/let queue orders not be fair to its keys, and limit its keys no more/),
    ]);

    const file = givenFile(fileFor(cluster, { queues: withLanes('key: ev_extra1, lanes: 2') }));
    const tributary = (...args: string[]) => run(['-c', file, ...args]);
    const lag = async () =>
      (JSON.parse((await tributary('lag', '--json')).stdout) as { central: Record<string, unknown>[] })
        .central[0];
    expect(await lag()).toMatchObject({ lanes: 0, next_lanes: 2, events_behind: 2 });
    expect((await tributary('lag')).stdout).toMatch(
      /orders has no lanes until what came before the change is handled, then 2\./,
    );
    await given(cluster, 'a', 'b', 'c');
    expect(await next(cluster)).toMatchObject({ lane: undefined });
    // What came before is at work: nothing behind it.
    expect(
      await coopNextBatch(central, {
        queue: 'orders',
        group: GROUP,
        member: 'orders#2',
        knowsProgress: true,
      }),
    ).toBeUndefined();
    expect(await handled(cluster)).toEqual(['a', 'a', 'b', 'b', 'c']);
    expect(await lag()).toMatchObject({ lanes: 2, next_lanes: null, events_behind: 0 });

    // A program that knows nothing of lanes would read all events of a batch.
    await expect(coopNextBatch(central, { queue: 'orders', group: GROUP, member: 'old' })).rejects.toThrow(
      /Queue orders is worked in lanes by group workers_shop, and this program knows nothing of lanes/,
    );
    expect((await tributary('scale', 'orders', '3')).stderr).toMatch(
      /Queue orders has 2 lanes in .*: more workers/,
    );
    await central.query("select tributary.lanes_set('orders', $1, 'ev_extra1', 5)", [GROUP]);
    expect(await next(cluster)).toBeUndefined();
    expect(await lag()).toMatchObject({ lanes: 5, cause: expect.stringMatching(/no-worker|lanes-differ/) });
    expect((await installed(cluster, ''))?.did).toEqual([
      expect.stringMatching(/let queue orders have no lanes, behind what waits now/),
    ]);
    await given(cluster, 'a');
    expect(await next(cluster)).toMatchObject({ lane: undefined });
    const indexes = () => central.query("select from pg_class where relname like 'event%\\_lanes\\_%'");
    expect(await indexes()).not.toEqual([]);
    await until(
      async () => {
        await central.query('select tributary.lane_follow()');
        return (await indexes()).length === 0;
      },
      { what: 'the end of the indexes' },
    );
    expect(await central.query('select from tributary.lane_set')).toEqual([]);
  });

  test('`reload` carries other lanes of the file out where it says `install: auto`, and names the command where not; so does a file that is read again', async () => {
    const cluster = await givenCluster();
    const { central } = cluster;
    const lanes = (count: number) => withLanes(`key: ev_extra1, lanes: ${count}`);
    expect((await installed(cluster, 'key: ev_extra1, lanes: 4'))?.mistakes).toEqual([]);
    await given(cluster, 'a', 'b');
    const counts = async () => {
      const [row] = await central.query('select lanes, next_lanes as next from tributary.lane_set');
      return row;
    };
    const reload = (queues: string, more = '') =>
      run(['-c', givenFile(fileFor(cluster, { queues, more })), 'reload']);
    const nobody = 'No mover and no workers run now: those that start read the file.\n';
    expect(await reload(lanes(4))).toMatchObject({ code: 0, stdout: nobody });
    expect(await reload(lanes(8))).toMatchObject({
      code: 0,
      stdout: `Not carried out yet: let queue orders have 8 lanes by ev_extra1, behind what waits now. \`tributary install\` does it, or say \`install: auto\` in the file.\n${nobody}`,
    });
    expect(await counts()).toEqual({ lanes: 4, next: null });
    expect(await reload(lanes(8), 'install: auto')).toMatchObject({
      code: 0,
      stdout: `Done: let queue orders have 8 lanes by ev_extra1, behind what waits now.\n${nobody}`,
    });
    expect(await counts()).toEqual({ lanes: 4, next: 8 });
    expect((await handled(cluster)).sort()).toEqual(['a', 'b']);
    expect(await reload(lanes(8), 'install: auto')).toMatchObject({ code: 0, stdout: nobody });
    // A key that is none: said, and nothing is changed.
    const refused = await reload(withLanes('key: random(), lanes: 8'), 'install: auto');
    expect([refused.code, refused.stdout]).toEqual([
      1,
      expect.stringMatching(/^Not carried out: .*IMMUTABLE/),
    ]);

    const said: FleetOccurrence[] = [];
    const config = configFor(cluster, { queues: lanes(2), more: 'install: auto' });
    // A process that starts with another number changes nothing, as with workers: only a file that is read again does.
    expect((await install(config, { isAddition: true }))[0]).toMatchObject({ outcome: 'unchanged' });
    const auto = new AutoInstall({ config, onOccurrence: (one) => said.push(one) });
    const ended = auto.run();
    auto.wantCentral(['orders']);
    await until(() => said.length > 0, { what: 'what was installed', timeoutMs: 60_000 });
    await auto.stop();
    await ended;
    expect(said).toEqual([
      {
        kind: 'installed',
        shard: undefined,
        did: ['let queue orders have 2 lanes by ev_extra1, behind what waits now'],
      },
    ]);
  });

  test('a paused key is listed with what waits; an operator lets it be tried, or gives its event up', async () => {
    const cluster = await givenCluster();
    const { central } = cluster;
    const queues = 'key: ev_extra1, lanes: 4, on_failure: pause';
    expect((await installed(cluster, queues))?.mistakes).toEqual([]);
    const file = givenFile(fileFor(cluster, { queues: withLanes(queues) }));
    const tributary = (...args: string[]) => run(['-c', file, ...args]);
    expect((await tributary('lane')).stdout).toMatch(
      /^queue +lane .*\norders +0 +- [\s\S]*\n\nNo key is paused\.\n$/,
    );
    await given(cluster, 'bad', 'good', 'bad', 'good');
    expect(await handled(cluster, 'bad')).toEqual(['good', 'good']);
    await given(cluster, 'bad', 'good');
    expect(await handled(cluster)).toEqual(['good']);

    const [row] = await central.query<{ ids: number[] }>(
      'select array_agg(ev_id::int order by ev_id) as ids from tributary.lane_waiting',
    );
    const [first, second] = row?.ids ?? [];
    const traced = JSON.parse((await tributary('trace', `orders:${second}`, '--json')).stdout);
    expect(traced).toMatchObject({
      state: 'waiting',
      summary: expect.stringMatching(
        `^It waits behind event ${first} of its key bad, which failed.*away.*tried again at`,
      ),
    });
    const listed = JSON.parse((await tributary('lane', 'list', '--queue', 'orders', '--json')).stdout);
    expect(listed).toMatchObject({
      keys: [{ queue: 'orders', key: 'bad', waiting: 3, attempts: 1, error: 'away', is_tried: false }],
    });
    expect(listed.lanes).toHaveLength(4);
    expect(listed.lanes).toContainEqual({
      ...{ queue: 'orders', lane: await laneOf(central, 'bad'), worker: null, host: null, waiting: 3 },
      ...{ seconds_behind: null, paused_keys: 1, limited_keys: 0 },
    });
    expect((await tributary('lane')).stdout).toMatch(/\n\n[\s\S]*orders +bad .* 3 +1 .*away/);
    const report = JSON.parse((await tributary('lag', '--json')).stdout);
    expect(report.central[0]).toMatchObject({
      ...{ lanes: 4, paused_keys: 1, paused_events: 3, events_behind: 3, retrying: 1 },
    });
    await central.query("update tributary.paused_key set since = now() - interval '2 hours'");
    await central.query('update tributary.worker_pool set wanted = 0');
    expect((await tributary('doctor', '--json')).stdout).toMatch(/parked/);

    expect(await tributary('lane', 'skip', 'orders', 'good')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/No key good of orders is paused/),
    });
    expect((await tributary('lane', 'retry', 'orders', 'bad')).stdout).toBe(
      'The event in front of key bad of orders is tried now.\n',
    );
    const tried = await next(cluster);
    // Events are counted once, whether they came with the batch or wait.
    await given(cluster, 'bad');
    expect(JSON.parse((await tributary('lane', '--json')).stdout).lanes).toContainEqual(
      expect.objectContaining({
        worker: 'orders#1',
        waiting: 4,
        paused_keys: 1,
        seconds_behind: expect.any(Number),
      }),
    );
    expect((await tributary('lane', 'skip', 'orders', 'bad')).stderr).toMatch(/is being tried now/);
    await central.query('select tributary.coop_hand_back($1)', [tried?.token]);
    // It fails once more, and what is behind it waits on.
    expect(await handled(cluster, 'bad')).toEqual([]);
    expect((await tributary('lane', 'skip', 'orders', 'bad')).stdout).toBe(
      'The event in front of key bad of orders is a dead event now. 3 events behind it go on.\n',
    );
    expect(await handled(cluster)).toEqual(['bad', 'bad', 'bad']);
    expect((await tributary('lane')).stdout).toMatch(/\n\nNo key is paused\.\n$/);
    expect(
      await central.query('select kind, error, origin, ev_extra1 as key from tributary.dead_event'),
    ).toEqual([
      { kind: 'handler', error: 'away (An operator skipped it.)', origin: 's:orders:1', key: 'bad' },
    ]);
    const [left] = await central.query<{ n: number }>(
      'select ((select count(*) from tributary.lane_waiting) + (select count(*) from tributary.attempt))::int as n',
    );
    expect(left).toEqual({ n: 0 });
  });
});

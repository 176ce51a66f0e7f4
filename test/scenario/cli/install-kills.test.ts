import { describe, expect, test } from 'vitest';
import { givenFile } from '../../support/installation/config-file.ts';
import { type Cluster, fileFor, givenCluster } from '../../support/installation/installation.ts';
import { runTributary, startTributary } from '../../support/processes/process.ts';
import type { TestDatabase } from '../../support/server/database.ts';
import { until } from '../../support/until.ts';

const SHARDS = 6;
/** The tables, and a queue, a source and a position for two queues on each shard. */
const COMPLETE = 1 + SHARDS * 2 * 3;

/** Mulberry32: the same numbers for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Producers begin as soon as a queue is there, whatever install is doing. */
async function produce(shard: TestDatabase): Promise<void> {
  const queues = await shard.query<{ queue_name: string }>('select queue_name from pgq.queue');
  for (const { queue_name } of queues) {
    await shard.query('select pgq.insert_event($1, $2, $3)', [queue_name, 'test', 'while installing']);
    await shard.query('select pgq.force_tick($1)', [queue_name]);
    await shard.query('select pgq.ticker($1)', [queue_name]);
  }
}

/** Grows with every step that install commits. */
async function progress({ central, shards }: Cluster): Promise<number> {
  const queues = await Promise.all(shards.map((shard) => shard.query('select from pgq.queue')));
  const [has] = await central.query<{ tables: boolean }>(
    "select to_regclass('tributary.source') is not null as tables",
  );
  const [rows] = has?.tables
    ? await central.query<{ n: number }>(
        'select (select count(*) from tributary.source) + (select count(*) from tributary.position) as n',
      )
    : [];
  return queues.flat().length + (has?.tables ? 1 : 0) + (rows?.n ?? 0);
}

describe('install killed at any moment', () => {
  test('the next install completes it, and every source begins with the first event of its new queue', async () => {
    const seed = Number(process.env.TRIBUTARY_SEED ?? Date.now() % 1_000_000);
    process.stderr.write(`TRIBUTARY_SEED=${seed}\n`);
    const random = randomFrom(seed);
    const cluster = await givenCluster({ shards: SHARDS, isBare: true });
    const file = givenFile(
      fileFor(cluster, {
        queues: '  orders: { workers: none, create: true }\n  emails: { workers: none, create: true }',
      }),
    );
    let killed = 0;

    for (let at = await progress(cluster); at < COMPLETE; at = await progress(cluster)) {
      const goal = at + 1 + Math.floor(random() * 9);
      const install = startTributary(['-c', file, 'install']);
      let hasEnded = false;
      void install.exit.then(() => {
        hasEnded = true;
      });
      await until(async () => hasEnded || (await progress(cluster)) >= goal, {
        what: `step ${goal} of ${COMPLETE}`,
        everyMs: 1,
        timeoutMs: 30_000,
      });
      install.kill('SIGKILL');
      if ((await install.exit).signal === 'SIGKILL') killed += 1;
      await Promise.all(cluster.shards.map(produce));
    }
    const { code, stderr } = await runTributary(['-c', file, 'install']);

    expect(code, stderr).toBe(0);
    expect(killed).toBeGreaterThan(1);
    expect(
      await cluster.central.query(
        `select s.state, p.n, p.tick_id, count(*) from tributary.source s
           left join tributary.position p on p.source = s.id group by 1, 2, 3`,
      ),
    ).toEqual([{ state: 'active', n: 1, tick_id: 1, count: SHARDS * 2 }]);
    for (const shard of cluster.shards) {
      expect(
        await shard.query('select queue_name, last_tick from pgq.get_consumer_info() order by 1'),
      ).toEqual([
        { queue_name: 'emails', last_tick: 1 },
        { queue_name: 'orders', last_tick: 1 },
      ]);
    }
  });
});

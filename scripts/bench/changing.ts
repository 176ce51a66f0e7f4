// changing: 16 shards under a steady load that nothing is done to, while others beside them are added, drained and moved to another
// database, by the commands and the file as an operator does it: what it costs the 16, against as long a time just before.
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { Shard } from '../../dist/config/config.js';
import { Connection } from '../../dist/postgres/connection.js';
import { type BenchCluster, givenBench } from './cluster.ts';
import { startTributary } from './mover-process.ts';
import { type Figures, percentile, reportRows } from './report.ts';
import { type Interval, latenciesIn, type Producer, startProducer, VISIBLE_SETTINGS } from './visible.ts';

const UNTOUCHED = 16;
/** Events a second and shard. */
const RATE = Number(process.env.BENCH_RATE ?? 16);
const TIMES = Number(process.env.BENCH_TIMES ?? 5);
const WARM_MS = 6_000;
/** What a change still makes when its command has ended: the file is taken over, the shard is connected. */
const AFTER_MS = 1_500;
/** So that nothing of one time is counted in the next one. */
const APART_MS = 500;

export async function changing(name: string): Promise<void> {
  const bench = await givenBench({
    shards: UNTOUCHED + 2,
    queues: '  orders: { workers: none, create: true, start: oldest }',
    more: 'install: auto\nwatch: true\n',
    settings: VISIBLE_SETTINGS,
  });
  const { shards, file } = bench.config;
  const untouched = shards.slice(0, UNTOUCHED).map((shard) => shard.name);
  const [drained, moved] = shards.slice(UNTOUCHED) as [Shard, Shard];
  const mover = startTributary(['-c', file, 'mover', '--host', '127.0.0.1']);
  const producers = await Promise.all(
    shards.slice(0, -1).map((shard) => startProducer(shard, 'orders', RATE)),
  );
  const tributary = async (...args: string[]) => {
    const command = startTributary(['-c', file, ...args], { isSilent: true });
    const [code] = (await command.ended) as [number];
    if (code !== 0) throw new Error(`tributary ${args.join(' ')} ended with ${code}.`);
  };
  let place = moved;
  let ofMoved: Producer | undefined = await startProducer(moved, 'orders', RATE);
  /** @returns the change itself, made ready so that nothing else of it is in the time that is measured. */
  const kinds: Readonly<Record<string, (n: number) => Promise<() => Promise<void>>>> = {
    added: async (n) => {
      await asAdmin(bench, [`create database added_${n}`]);
      return async () => {
        rewrite(file, (text) => text.replace('defaults:', `  - '${bench.url(`added_${n}`)}'\ndefaults:`));
        await untilConnected(bench, `added_${n}`);
      };
    },
    drained: async () => () => tributary('shard', 'drain', drained.name),
    moved: async (n) => {
      await ofMoved?.stop();
      ofMoved = undefined;
      await tributary('shard', 'drain', moved.name);
      const [old, young] = [place.database, `moved_${n}`];
      await asAdmin(bench, [
        `alter database ${old} with allow_connections false`,
        `select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '${old}'`,
        `create database ${young} template ${old}`,
        `alter database ${old} with allow_connections true`,
      ]);
      return async () => {
        const to = bench.url(young);
        await tributary('shard', 'move', moved.name, '--from', bench.url(old), '--to', to, '--yes');
        place = { ...place, database: young };
        const entry = `  - { name: ${moved.name}, url: '${to}' }`;
        rewrite(file, (text) => text.replace(new RegExp(`^ .*/${old}'.*$`, 'm'), entry));
        ofMoved = await startProducer(place, 'orders', RATE);
      };
    },
  };
  const times = new Map<string, { took: number[]; without: Interval[]; during: Interval[] }>();
  try {
    await pause(WARM_MS);
    for (let n = 1; n <= TIMES; n += 1)
      for (const [kind, ready] of Object.entries(kinds)) {
        const change = await ready(n);
        const seen = times.get(kind) ?? { took: [], without: [], during: [] };
        times.set(kind, seen);
        await pause(APART_MS + AFTER_MS);
        const beganMs = Date.now();
        await change();
        seen.took.push((Date.now() - beganMs) / 1_000);
        await pause(AFTER_MS);
        seen.during.push({ fromMs: beganMs, toMs: Date.now() });
        await pause(APART_MS);
        const fromMs = Date.now();
        await pause(fromMs - beganMs - APART_MS);
        seen.without.push({ fromMs, toMs: Date.now() });
      }
    await pause(APART_MS);
    await Promise.all([...producers, ...(ofMoved === undefined ? [] : [ofMoved])].map((one) => one.stop()));
    await pause(WARM_MS / 2);
    const ofAll = async (intervals: readonly Interval[]) =>
      (
        await Promise.all(
          intervals.map((interval) =>
            latenciesIn(bench.central, { queue: 'orders', shards: untouched, interval }),
          ),
        )
      ).flat();
    const rows: Record<string, Figures> = {};
    for (const [kind, { took, without, during }] of times) {
      const [quiet, busy] = [await ofAll(without), await ofAll(during)];
      rows[`another is ${kind}`] = {
        times: took.length,
        'it took s, median': percentile(took, 0.5),
        'events of the others without': quiet.length,
        'with it': busy.length,
        'their p50 without, ms': percentile(quiet, 0.5),
        'p50 with it, ms': percentile(busy, 0.5),
        'p99 without, ms': percentile(quiet, 0.99),
        'p99 with it, ms': percentile(busy, 0.99),
        'p99 ratio': percentile(busy, 0.99) / percentile(quiet, 0.99),
      };
    }
    reportRows(name, rows);
  } finally {
    await mover.stop();
    await bench.stop();
  }
}

const rewrite = (file: string, change: (text: string) => string): void =>
  writeFileSync(file, change(readFileSync(file, 'utf8')));

async function asAdmin({ config }: BenchCluster, statements: readonly string[]): Promise<void> {
  const admin = await Connection.open(
    { ...config.central, database: 'postgres' },
    { applicationName: 'bench' },
  );
  for (const statement of statements) await admin.query(statement);
  await admin.close();
}

/** Its mover has a position of it. */
async function untilConnected({ central }: BenchCluster, shard: string): Promise<void> {
  const known = 'select from tributary.source where shard = $1 and state = $2';
  while ((await central.query(known, [shard, 'active'])).length === 0) await pause(50);
}

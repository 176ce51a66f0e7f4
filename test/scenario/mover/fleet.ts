// A fleet that changes: files that name other shards, movers that run with them, and what is in central.
import { expect } from 'vitest';
import { readCentralEvents } from '../../../src/proof/origins.ts';
import { givenFile } from '../../support/installation/config-file.ts';
import { type Cluster, givenCluster, givenEvents } from '../../support/installation/installation.ts';
import { startTributary, type TestProcess } from '../../support/processes/process.ts';
import { type Ran, run } from '../../support/processes/run-cli.ts';
import type { TestDatabase } from '../../support/server/database.ts';
import { until } from '../../support/until.ts';

export interface Fleet extends Cluster {
  readonly one: TestDatabase;
  readonly two: TestDatabase;
  /** With both, as shards `one` and `two`. */
  readonly file: string;
}

/** A file with these shards, by name, whose queue `orders` is forwarded only. */
export const fleetFile = (
  central: TestDatabase,
  shards: Readonly<Record<string, TestDatabase>>,
  start?: string,
): string =>
  givenFile(
    [
      'name: shop',
      `central: '${central.url}'`,
      'shards:',
      ...Object.entries(shards).map(
        ([name, { url }]) =>
          `  - { name: ${name}, url: '${url}', host: h${start === undefined ? '' : `, start: ${start}`} }`,
      ),
      'defaults: { tls: off }',
      'queues:',
      '  orders: { workers: none, create: true }',
      '',
    ].join('\n'),
  );

/** Two shards, installed, with `events` in each that wait. */
export async function givenFleet({ events = 5 } = {}): Promise<Fleet> {
  const cluster = await givenCluster({ shards: 2 });
  const [one, two] = cluster.shards as [TestDatabase, TestDatabase];
  const file = fleetFile(cluster.central, { one, two });
  await tributary(file, 0, 'install');
  for (const shard of [one, two]) await givenEvents(shard, 'orders', events);
  return { ...cluster, one, two, file };
}

/** Runs a command, and fails the test where it ends with another code. */
export async function tributary(file: string, code: number, ...args: readonly string[]): Promise<Ran> {
  const ran = await run(['-c', file, ...args]);
  expect([args.join(' '), ran.code, ran.stdout + ran.stderr]).toEqual([
    args.join(' '),
    code,
    expect.anything(),
  ]);
  return ran;
}

/** A real mover of the host, stopped in order behind `work`. */
export async function withMover<T>(file: string, work: (mover: TestProcess) => Promise<T>): Promise<T> {
  const mover = startTributary(['-c', file, 'mover', '--host', 'h']);
  try {
    return await work(mover);
  } finally {
    mover.kill('SIGTERM');
    await mover.exit;
  }
}

/** Origins in central, in its order. */
export async function originsIn(central: TestDatabase): Promise<string[]> {
  const connection = await central.connect();
  const rows = await readCentralEvents(connection, { queue: 'orders' });
  await connection.close();
  return rows.map(({ origin }) => origin);
}

export const untilMoved = (central: TestDatabase, count: number): Promise<boolean> =>
  until(async () => (await originsIn(central)).length >= count, {
    what: `${count} events in central`,
    timeoutMs: 60_000,
  });

/** How many events of each shard central has; none is there twice. */
export async function countsIn(central: TestDatabase): Promise<Record<string, number>> {
  const origins = await originsIn(central);
  expect(new Set(origins).size).toBe(origins.length);
  const counts: Record<string, number> = {};
  for (const origin of origins) {
    const [name = ''] = origin.split(':');
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

export const consumersOn = async (shard: TestDatabase): Promise<number> =>
  (await shard.query("select from pgq.get_consumer_info() where consumer_name like 'tributary_%'")).length;

export const statesOf = async (central: TestDatabase, shard: string): Promise<string[]> =>
  (
    await central.query<{ state: string }>('select state from tributary.source where shard = $1', [shard])
  ).map(({ state }) => state);

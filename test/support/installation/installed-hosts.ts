// An installation whose hosts run `tributary start`. Each shard belongs to a host; handlers note the events that they get.

import type { Connection } from '../../../src/postgres/connection.ts';
import { readHandled } from '../../../src/proof/handled.ts';
import {
  compare,
  type Proof,
  type ProofRow,
  readCentralEvents,
  readShardEvents,
} from '../../../src/proof/origins.ts';
import { judgeProof, type ProofVerdict } from '../../../src/proof/verdict.ts';
import { startTributary, type TestProcess } from '../processes/process.ts';
import { run } from '../processes/run-cli.ts';
import type { TestDatabase } from '../server/database.ts';
import { givenFile } from './config-file.ts';
import { type Cluster, givenCluster } from './installation.ts';

/** Writes into a table without any constraint, so that a second handling is seen. */
const HANDLER = `
export default {
  async event(event, { client }) {
    await client.query('insert into handled (origin, queue) values ($1, $2)', [String(event.origin), 'orders']);
  },
};`;

export interface InstalledHosts extends Cluster {
  readonly file: string;
  /** `tributary start --host NAME`, once it says that it starts. */
  startHost(name: string, options?: readonly string[]): Promise<TestProcess>;
  /** The proof for the queue `orders`, from the databases as they are now. */
  verdict(): Promise<ProofVerdict>;
  /** The same, only for the events in central. */
  proof(): Promise<Proof>;
  handled(): Promise<number>;
  /** Process ids of the living movers, as central knows them. */
  movers(): Promise<number[]>;
}

export interface InstalledOptions {
  readonly workers?: number;
  readonly cluster?: Cluster;
  /** Text of the handler of `orders`; default: one that notes each event by a statement of its own. */
  readonly handler?: string;
}

/** @param hosts how many shards belong to each host; shards are named s1, s2, … */
export async function givenInstalledHosts(
  hosts: Readonly<Record<string, number>>,
  { workers = 2, cluster: given, handler = HANDLER }: InstalledOptions = {},
): Promise<InstalledHosts> {
  const owners = Object.entries(hosts).flatMap(([name, shards]) => Array<string>(shards).fill(name));
  const cluster = given ?? (await givenCluster({ shards: owners.length }));
  const file = givenFile(
    [
      `central: '${cluster.central.url}'`,
      'shards:',
      ...cluster.shards.map(({ url }, at) => `  - { name: s${at + 1}, host: ${owners[at]}, url: '${url}' }`),
      'queues:',
      `  orders: { create: true, workers: ${workers}, handler: ./write.mjs }`,
      '',
    ].join('\n'),
    { others: { 'write.mjs': handler } },
  );
  const { central } = cluster;
  await central.query(
    'create table handled (no bigint generated always as identity, txid bigint default txid_current(), origin text, queue text)',
  );
  const installed = await run(['-c', file, 'install']);
  if (installed.code !== 0) throw new Error(installed.stderr + installed.stdout);
  return {
    ...cluster,
    file,
    async startHost(name, options = []) {
      const host = startTributary(['-c', file, 'start', '--host', name, ...options]);
      await host.waitForLine(/starting: /);
      return host;
    },
    verdict: () =>
      withSides(cluster, async (sides, connection) =>
        judgeProof({
          ...sides,
          handled: await readHandled(connection, 'handled'),
          isHandledInOrder: workers === 1,
        }),
      ),
    proof: () => withSides(cluster, async (sides) => compare(sides.shards, sides.central)),
    async handled() {
      return (await central.query<{ n: number }>('select count(*) as n from handled'))[0]?.n ?? 0;
    },
    async movers() {
      const rows = await central.query<{ pid: number }>(
        "select pid from tributary.member where kind = 'mover' and until > clock_timestamp() order by started_at",
      );
      return rows.map(({ pid }) => pid);
    },
  };
}

/** Reads both sides of the queue `orders`. */
async function withSides<T>(
  { central, shards }: Cluster,
  work: (sides: { shards: ProofRow[]; central: ProofRow[] }, ofCentral: Connection) => Promise<T>,
): Promise<T> {
  const connections = await Promise.all([central, ...shards].map((database) => database.connect()));
  const [first, ...rest] = connections as [Connection, ...Connection[]];
  try {
    const rows = await Promise.all(
      rest.map((shard, at) => readShardEvents(shard, { shard: `s${at + 1}`, queue: 'orders' })),
    );
    return await work(
      { shards: rows.flat(), central: await readCentralEvents(first, { queue: 'orders' }) },
      first,
    );
  } finally {
    await Promise.all(connections.map((connection) => connection.close()));
  }
}

/** Transactions of three events each, spread over the shards. */
export async function givenTransactions(shards: readonly TestDatabase[], count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    await shards[n % shards.length]?.query(
      "select pgq.insert_event('orders', 'placed', i::text) from generate_series(1, 3) i",
    );
  }
}

/** Connections that an installation still has to central. */
export async function connectionsOf(central: TestDatabase): Promise<number> {
  const [row] = await central.query<{ n: number }>(
    `select count(*) as n from pg_stat_activity
      where datname = current_database() and application_name like 'tributary %' and application_name not like 'tributary test%'`,
  );
  return row?.n ?? 0;
}

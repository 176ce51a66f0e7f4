// An installation whose events are moved by real movers, and the proof that each was moved exactly once.

import { setTimeout as pause } from 'node:timers/promises';
import type { Config } from '../../../src/config/config.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { install } from '../../../src/install/install.ts';
import type { Connection } from '../../../src/postgres/connection.ts';
import {
  compare,
  holds,
  type Proof,
  readCentralEvents,
  readShardEvents,
} from '../../../src/proof/origins.ts';
import type { PgqSchema } from '../../../src/queue/provider.ts';
import { givenFile } from '../installation/config-file.ts';
import { type Cluster, fileFor, givenCluster } from '../installation/installation.ts';
import { type ProcessOptions, startTributary, type TestProcess } from '../processes/process.ts';
import type { TestDatabase } from '../server/database.ts';
import { until } from '../until.ts';
import { describeProof } from './describe-proof.ts';
import { grantEverybodyEverything } from './leaseless.ts';

export const QUEUES = [
  '  orders: { workers: none, create: true }',
  '  emails: { workers: none, create: true, from: [email_out, email_bulk] }',
].join('\n');
export const SOURCE_QUEUES = ['orders', 'email_out', 'email_bulk'] as const;

export interface ForwardingOptions {
  readonly shards?: number;
  /** Databases that exist already. */
  readonly cluster?: Cluster;
  /** The addresses for the file, where it shall not reach them directly but through proxies. */
  readonly via?: Cluster;
  readonly queues?: string;
  /** Files beside the shards.yaml, by name. */
  readonly others?: Readonly<Record<string, string>>;
  readonly more?: string;
  /** Whether leases are real; default: every mover is granted everything, so that none waits. */
  readonly hasLeases?: boolean;
}

export interface ProvenOptions {
  readonly timeoutMs?: number;
  /** Windows are larger than `mover.whole`: events of one transaction may be in several transactions of central. */
  readonly mayCut?: boolean;
}

export interface Forwarding extends Cluster {
  readonly file: string;
  readonly config: Config;
  startMover(options?: ProcessOptions, args?: readonly string[]): TestProcess;
  /** Number of events from shards in central now. */
  moved(): Promise<number>;
  /** Both sides as they are now, over all central queues. */
  proof(): Promise<Proof>;
  /** Waits until all that is committed is moved, then throws where the proof does not hold. */
  untilProven(options?: ProvenOptions): Promise<Proof>;
}

export async function givenForwarding(options: ForwardingOptions = {}): Promise<Forwarding> {
  const { shards = 4, queues = QUEUES, more = '', others = {}, hasLeases = false } = options;
  const cluster = options.cluster ?? (await givenCluster({ shards }));
  const file = givenFile(fileFor(options.via ?? cluster, { queues, more }), { others });
  const { config, problems } = loadConfig(file);
  if (config === undefined) throw new Error(problems.map(({ sentence }) => sentence).join('\n'));
  const mistakes = (await install(config)).flatMap((row) => row.mistakes);
  if (mistakes.length > 0) throw new Error(mistakes.join('\n'));
  if (!hasLeases) await grantEverybodyEverything(cluster.central);
  const forwarding: Forwarding = {
    ...cluster,
    file,
    config,
    startMover: (process, args = []) =>
      startTributary(
        ['-c', file, 'mover', '--host', config.shards[0]?.moverHost as string, ...args],
        process,
      ),
    moved: () => movedTo(forwarding),
    proof: () => proofOf(forwarding),
    untilProven: (how) => untilProven(forwarding, how),
  };
  return forwarding;
}

/** Rolls back prepared transactions of writers that lost their server between the two phases. */
export async function endPrepared(shard: TestDatabase): Promise<void> {
  const rows = await shard.query<{ gid: string }>(
    'select gid from pg_prepared_xacts where database = current_database()',
  );
  for (const { gid } of rows) await shard.query(`commit prepared '${gid}'`);
}

async function movedTo({ central, config }: Forwarding): Promise<number> {
  const [tables] = await central.query<{ list: string[] }>(
    'select array_agg(queue_data_pfx) as list from pgq.queue where queue_name = any ($1)',
    [config.queues.map(({ name }) => name)],
  );
  const counts = (tables?.list ?? []).map((table) => `(select count(*) from ${table})`);
  const [row] = await central.query<{ n: number }>(`select ${counts.join(' + ')} as n`);
  return row?.n ?? 0;
}

/** A connection to central, and one to each shard. */
type Connections = readonly [Connection, ...Connection[]];

const openAll = async ({ central, shards }: Forwarding): Promise<Connections> => [
  await central.connect(),
  ...(await Promise.all(shards.map((shard) => shard.connect()))),
];
const closeAll = (connections: Connections) => Promise.all(connections.map((one) => one.close()));

async function proofOf(forwarding: Forwarding): Promise<Proof> {
  const connections = await openAll(forwarding);
  try {
    return await proofOver(connections, forwarding);
  } finally {
    await closeAll(connections);
  }
}

async function proofOver(
  [ofCentral, ...ofShards]: Connections,
  { shards, config }: Forwarding,
): Promise<Proof> {
  const sources = config.queues.flatMap(({ from, deliverAt }) => from.map((queue) => ({ queue, deliverAt })));
  const rows = await Promise.all(
    ofShards.map(async (connection, at) => {
      const lists = [];
      const schema = shards[at]?.schema as PgqSchema;
      for (const { queue, deliverAt } of sources)
        lists.push(await readShardEvents(connection, { shard: `s${at + 1}`, queue, schema, deliverAt }));
      return lists.flat();
    }),
  );
  const moved = [];
  for (const { name } of config.queues) moved.push(await readCentralEvents(ofCentral, { queue: name }));
  return compare(rows.flat(), moved.flat());
}

async function untilProven(
  forwarding: Forwarding,
  { timeoutMs = 40_000, mayCut = false }: ProvenOptions = {},
): Promise<Proof> {
  const deadline = Date.now() + timeoutMs;
  let connections = await openAll(forwarding);
  try {
    for (;;) {
      const beganMs = performance.now();
      if (connections.some(({ failed }) => failed)) {
        await closeAll(connections);
        connections = await openAll(forwarding);
      }
      const proof = await proofOver(connections, forwarding);
      const isOver = proof.lost.length === 0 || Date.now() > deadline;
      const isBroken = !holds({ ...proof, lost: [], ...(mayCut ? { split: [] } : {}) });
      if (isBroken || (isOver && proof.lost.length > 0)) throw new Error(describeProof(proof));
      if (isOver) break;
      // The proof reads everything: half of the time is left to the movers.
      await pause(Math.max(100, performance.now() - beganMs));
    }
    // An event that no tick covers is stored, but no consumer would ever get it.
    for (const { name } of forwarding.config.queues)
      await until(() => isTicked(forwarding, name), { what: `a tick of ${name} that covers all of it` });
    return await proofOver(connections, forwarding);
  } finally {
    await closeAll(connections);
  }
}

async function isTicked({ central }: Forwarding, queue: string): Promise<boolean> {
  const [found] = await central.query<{ table: string; snapshot: string }>(
    `select q.queue_data_pfx as table, t.tick_snapshot::text as snapshot from pgq.queue q join pgq.tick t on t.tick_queue = q.queue_id
     where q.queue_name = $1 order by t.tick_id desc limit 1`,
    [queue],
  );
  const left = await central.query(
    `select 1 from ${found?.table} where not txid_visible_in_snapshot(ev_txid, $1::txid_snapshot) limit 1`,
    [found?.snapshot],
  );
  return left.length === 0;
}

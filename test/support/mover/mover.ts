// An installation with a mover in this process, and the proof of what it moved.
import { expect } from 'vitest';
import { install } from '../../../src/install/install.ts';
import { Mover } from '../../../src/mover/mover.ts';
import type { MoverOccurrence } from '../../../src/mover/occurrence.ts';
import { compare, readCentralEvents, readShardEvents } from '../../../src/proof/origins.ts';
import { afterEachFile } from '../after-file.ts';
import { configFor, givenCluster } from '../installation/installation.ts';
import type { GivenDatabaseOptions, TestDatabase } from '../server/database.ts';

const movers: Mover[] = [];
afterEachFile(() => Promise.all(movers.splice(0).map((mover) => mover.stop())));

const QUEUES =
  '  orders: { workers: none, create: true, from: [orders, orders_bulk] }\n  emails: { workers: none, create: true }';

export interface MoverGivens {
  readonly shards?: number;
  /** YAML of `queues:`, indented by two spaces. */
  readonly queues?: string;
  readonly more?: string;
  /** Port of a pooler through which all databases are reached; default: the server's own. */
  readonly port?: number;
  /** Encoding of the shards; default: UTF8. */
  readonly encoding?: GivenDatabaseOptions['encoding'];
}

export async function givenMover({
  shards = 2,
  queues = QUEUES,
  more = '',
  port,
  encoding,
}: MoverGivens = {}) {
  const cluster = await givenCluster({ shards, encoding });
  const through = (database: TestDatabase): TestDatabase =>
    port === undefined ? database : { ...database, url: database.url.replace(/:\d+\//, `:${port}/`) };
  const reached = { central: through(cluster.central), shards: cluster.shards.map(through) };
  const config = configFor(reached, { queues, more });
  const rows = await install(config);
  expect(rows.flatMap(({ mistakes }) => mistakes)).toEqual([]);
  const occurrences: MoverOccurrence[] = [];
  const start = () => {
    const mover = new Mover({ config, host: '127.0.0.1', onOccurrence: (one) => occurrences.push(one) });
    movers.push(mover);
    return { mover, ended: mover.run() };
  };
  return { cluster, config, occurrences, start };
}

export type Given = Awaited<ReturnType<typeof givenMover>>;

/** The same answer as a proof, at a fraction of the cost, because a condition is checked often. */
export async function movedTo({ cluster: { central } }: Given, queue: string): Promise<number> {
  const [found] = await central.query<{ table: string }>(
    'select queue_data_pfx as table from pgq.queue where queue_name = $1',
    [queue],
  );
  const [row] = await central.query<{ n: number }>(
    `select count(*) as n from ${found?.table} where ev_owner is null and ev_extra4 not like '%>'`,
  );
  return row?.n ?? 0;
}

export async function proofOf({ cluster, config }: Given, queue: string) {
  const central = await cluster.central.connect();
  const from = config.queues.find(({ name }) => name === queue)?.from ?? [];
  const sides = await Promise.all(
    cluster.shards.map(async (shard, at) => {
      const connection = await shard.connect();
      const lists = [];
      for (const source of from)
        lists.push(await readShardEvents(connection, { shard: `s${at + 1}`, queue: source }));
      await connection.close();
      return lists.flat();
    }),
  );
  const proof = compare(sides.flat(), await readCentralEvents(central, { queue }));
  await central.close();
  return proof;
}

// The time from the commit on a shard to the commit on central, by the server's own clock: events carry their transaction, and
// the server records when each one committed (`track_commit_timestamp`).
import type { Shard } from '../../dist/config/config.js';
import { Connection } from '../../dist/postgres/connection.js';

export const VISIBLE_SETTINGS = { track_commit_timestamp: 'on' } as const;

export interface Producer {
  /** Events a second, and at most this many transactions a second. */
  rate: number;
  /** Type of the events. */
  type: string;
  stop(): Promise<void>;
}

const MOST_TRANSACTIONS = 20;

/** Inserts at a steady rate, which may be changed, until stopped. */
export async function startProducer(shard: Shard, queue: string, rate: number): Promise<Producer> {
  const connection = await Connection.open(shard, { applicationName: 'bench load' });
  let isStopped = false;
  const producer: Producer = {
    rate,
    type: 'bench',
    async stop() {
      isStopped = true;
      await running;
    },
  };
  const run = async () => {
    let dueMs = performance.now() + Math.random() * (1000 / rate);
    while (!isStopped) {
      const transactions = Math.min(producer.rate, MOST_TRANSACTIONS);
      const waitMs = dueMs - performance.now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      // A producer that is late makes up for one second at most.
      dueMs = Math.max(dueMs, performance.now() - 1_000) + 1000 / transactions;
      await connection.query(
        `select pgq.insert_event($1, $2, repeat('x', 110), pg_current_xact_id()::text, null, null, null)
         from generate_series(1, $3::int)`,
        [queue, producer.type, Math.round(producer.rate / transactions)],
      );
    }
    await connection.close();
  };
  const running = run();
  return producer;
}

export interface Interval {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Latencies in ms of the events that these shards committed within the interval. */
export async function latenciesIn(
  central: Connection,
  { queue, shards, interval }: { queue: string; shards: readonly string[]; interval: Interval },
): Promise<number[]> {
  const [found] = await central.query<{ name: string }>(
    'select queue_data_pfx as name from pgq.queue where queue_name = $1',
    [queue],
  );
  const rows = await central.query<{ ms: number }>(
    `select extract(epoch from arrived - made)::float8 * 1000 as ms
     from (select pg_xact_commit_timestamp((ev_txid % 4294967296)::text::xid) as arrived,
                  pg_xact_commit_timestamp(ev_extra1::xid) as made
           from ${found?.name} where split_part(ev_extra4, ':', 1) = any ($1) and ev_extra1 is not null) e
     where made between to_timestamp($2::float8 / 1000) and to_timestamp($3::float8 / 1000)`,
    [shards, interval.fromMs, interval.toMs],
    { timeoutMs: 120_000 },
  );
  return rows.map(({ ms }) => ms);
}

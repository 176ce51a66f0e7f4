// The proof: what was committed on the shards, what arrived in central, read from the databases and compared.
//
// It reads the event tables themselves, without what rotation has removed: a proof needs a rotation period longer than
// the run.
import type { Connection } from '../postgres/connection.ts';
import { disorderedIn, firstTicks, type Ordered, type ProofTick } from './order.ts';

/** An event of one queue as the proof sees it. */
export interface ProofRow {
  /** `shard:queue:id` */
  readonly origin: string;
  /** Event id in the database it was read from. */
  readonly id: number;
  /** Transaction that inserted it there. */
  readonly txid: number;
  /** The first tick there that covers it; absent: not known, then only events of one transaction are compared. */
  readonly tick?: number;
  /** It has no place among the others: it waits for its time, or waited, or stays out of the queue. */
  readonly isDelayed?: boolean;
}

/** What compares the two sides. */
export interface Proof {
  readonly committed: number;
  readonly moved: number;
  /** Origins on the shards that central does not have. */
  readonly lost: readonly string[];
  /** Origins in central that no shard has. */
  readonly invented: readonly string[];
  /** Origins that central has more than once. */
  readonly twice: readonly string[];
  /** Shard transactions whose events of one queue are in more than one central transaction: `shard:queue txid`. */
  readonly split: readonly string[];
  /** Origins that stand in central behind one of the same source that should come later. */
  readonly disordered: readonly string[];
}

export interface ShardEventsOptions {
  readonly shard: string;
  readonly queue: string;
  readonly schema?: string;
  /** The queue's `deliver_at`: events of which it gives a time keep neither order nor company. */
  readonly deliverAt?: string | undefined;
  /** Only the events that this condition is true of: those of one route. */
  readonly where?: string | undefined;
}

/** All events of one queue of a shard that are not retries, in event order. */
export async function readShardEvents(
  shard: Connection,
  { shard: name, queue, schema = 'pgq', deliverAt, where }: ShardEventsOptions,
): Promise<ProofRow[]> {
  const table = await eventTable(shard, queue, schema);
  const isDelayed = deliverAt === undefined ? '' : `, (${deliverAt}\n) is not null as "isDelayed"`;
  const rows = await shard.query<ProofRow>(
    `select $1 || ':' || $2 || ':' || ev_id as origin, ev_id as id, ev_txid::text::bigint as txid${isDelayed}
     from ${table} where ev_owner is null${where === undefined ? '' : ` and (${where}\n)`} order by ev_txid, ev_id`,
    [name, queue],
  );
  const ticks = await shard.query<ProofTick>(
    `select tick_id as id, tick_snapshot::text as snapshot from ${schema}.tick
     where tick_queue = (select queue_id from ${schema}.queue where queue_name = $1)`,
    [queue],
  );
  const first = firstTicks(
    ticks,
    rows.map(({ txid }) => txid),
  );
  // Transactions of the oldest tick may belong to an older tick that is gone.
  const oldest = ticks.reduce((least, { id }) => Math.min(least, id), Number.POSITIVE_INFINITY);
  return rows.map((row) => {
    const tick = first.get(row.txid);
    return tick === undefined || tick === oldest ? row : { ...row, tick };
  });
}

/**
 * All events of one central queue that came from shards, in event order, then those that wait for their time, that
 * an operator cancelled meanwhile, or that were left out for their keys: they are in central's hands too. Those that handlers sent end in `>`.
 */
export async function readCentralEvents(
  central: Connection,
  { queue, column = 'ev_extra4' }: { queue: string; column?: string },
): Promise<ProofRow[]> {
  const table = await eventTable(central, queue, 'pgq');
  return await central.query<ProofRow>(
    `select ${column} as origin, ev_id as id, ev_txid as txid, false as "isDelayed"
     from ${table} where ev_owner is null and ${column} not like '%>'
     union all
     select ${column}, 9007199254740991, txid, true from tributary.delayed_waiting($1) where ${column} not like '%>'
     union all
     select ${column}, 9007199254740991, txid, true from tributary.delayed_cancelled
     where central_queue = $1 and ${column} not like '%>'
     union all
     select ${column}, 9007199254740991, txid, true from tributary.unique_left
     where central_queue = $1 and ${column} not like '%>'
     order by id`,
    [queue],
  );
}

/** Compares both sides; `central` in event order. Pure. */
export function compare(shards: readonly ProofRow[], central: readonly ProofRow[]): Proof {
  const committed = new Map(shards.map((row) => [row.origin, row]));
  const arrived = new Set<string>();
  const twice: string[] = [];
  const centralTxids = new Map<string, Set<number>>();
  const bySource = new Map<string, Ordered[]>();
  for (const { origin, txid, isDelayed } of central) {
    if (arrived.has(origin)) twice.push(origin);
    arrived.add(origin);
    const source = sourceOf(origin);
    const row = committed.get(origin);
    if (row === undefined || row.isDelayed === true || isDelayed === true) continue;
    const key = `${source} ${row.txid}`;
    const txids = centralTxids.get(key) ?? new Set();
    centralTxids.set(key, txids.add(txid));
    // Without its tick an event can be compared with those of its own transaction alone.
    const chain = row.tick === undefined ? key : source;
    bySource.set(chain, bySource.get(chain) ?? []);
    bySource.get(chain)?.push({ origin, id: row.id, tick: row.tick ?? 0 });
  }
  return {
    committed: committed.size,
    moved: central.length,
    lost: [...committed.keys()].filter((origin) => !arrived.has(origin)),
    invented: [...arrived].filter((origin) => !committed.has(origin)),
    twice,
    split: [...centralTxids].filter(([, txids]) => txids.size > 1).map(([key]) => key),
    disordered: [...bySource.values()].flatMap(disorderedIn),
  };
}

/** True where nothing is lost, invented, doubled, split or out of order. */
export function holds(proof: Proof): boolean {
  const { lost, invented, twice, split, disordered } = proof;
  return [lost, invented, twice, split, disordered].every((list) => list.length === 0);
}

function sourceOf(origin: string): string {
  return origin.slice(0, origin.lastIndexOf(':'));
}

async function eventTable(connection: Connection, queue: string, schema: string): Promise<string> {
  const [row] = await connection.query<{ name: string }>(
    `select queue_data_pfx as name from ${schema}.queue where queue_name = $1`,
    [queue],
  );
  if (row === undefined) throw new Error(`Queue ${queue} does not exist.`);
  return row.name;
}

// Doors onto the dead events of central.
import type { CentralLink } from './central-link.ts';

/** Undefined: any. */
export interface DeadFilter {
  readonly queue: string | undefined;
  readonly shard: string | undefined;
  readonly type: string | undefined;
  /** A part of the error. */
  readonly error: string | undefined;
  readonly olderThanMs: number | undefined;
}

export interface DeadEvent {
  readonly id: number;
  readonly queue: string;
  readonly origin: string | null;
  /** Why it died: central or the queue's expressions refused it, its handler did, or it killed its workers. */
  readonly kind: 'poison' | 'handler' | 'killed' | 'conflict';
  readonly type: string | null;
  readonly attempts: number;
  /** ISO 8601. */
  readonly first: string;
  readonly died: string;
  readonly sqlstate: string | null;
  readonly error: string;
}

/** One with everything that is known of it. */
export interface WholeDeadEvent extends DeadEvent {
  readonly shard: string | null;
  readonly source_queue: string | null;
  readonly ev_id: number | null;
  readonly time: string | null;
  readonly data: string | null;
  readonly extra1: string | null;
  readonly extra2: string | null;
  readonly extra3: string | null;
  readonly extra4: string | null;
  readonly stack: string | null;
  /** What central was to store, as PostgreSQL's COPY in binary writes it: base64. */
  readonly raw: string | null;
  /** Its whole length in bytes; `raw` may be cut. */
  readonly raw_length: number | null;
}

/** @returns the newest `limit` of those that match, and how many match. */
export async function listDead(
  link: CentralLink,
  { queue, shard, type, error, olderThanMs, limit }: DeadFilter & { readonly limit: number },
): Promise<{ events: DeadEvent[]; total: number }> {
  const rows = await link.query<DeadEvent & { total: number }>(
    `select * from tributary.dead_list($1, $2, $3, $4, $5 * interval '1 millisecond', $6)`,
    [queue ?? null, shard ?? null, type ?? null, error ?? null, olderThanMs ?? null, limit],
  );
  return { events: rows.map(({ total: _total, ...event }) => event), total: rows[0]?.total ?? 0 };
}

export async function readDead(link: CentralLink, id: number): Promise<WholeDeadEvent | undefined> {
  const [row] = await link.query<WholeDeadEvent>('select * from tributary.dead_show($1)', [id]);
  return row;
}

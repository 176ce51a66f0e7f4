// Keys of lanes that are paused because an event failed: which there are, and what operators do about one.
import type { CentralLink } from '../central-link.ts';
import { noted, type Operator } from './note.ts';

/** One that is paused. */
export interface PausedKey {
  /** What is worked: `orders`, `orders/billing`. */
  readonly work: string;
  /** Its beginning, where it is long. */
  readonly key: string;
  /** ISO 8601. */
  readonly since: string;
  /** The event in front, in its queue. */
  readonly eventId: number;
  readonly attempts: number;
  readonly error: string | undefined;
  readonly nextAt: string;
  readonly isTried: boolean;
  /** Events that wait, that one included; counted up to 10 000. */
  readonly waiting: number;
}

interface Row {
  queue: string;
  part: string | null;
  key: string;
  since_ms: number;
  ev_id: number;
  attempts: number;
  last_error: string | null;
  next_ms: number;
  is_tried: boolean;
  waiting: number;
}

/** The one that has been for longest first. @param group the group without a name. */
export async function readPausedKeys(
  link: Pick<CentralLink, 'query'>,
  { group, limit }: { readonly group: string; readonly limit: number },
): Promise<PausedKey[]> {
  const rows = await link.query<Row>(
    `select k.*, extract(epoch from k.since)::float8 * 1000 as since_ms, extract(epoch from k.next_at)::float8 * 1000 as next_ms
      from tributary.lane_keys($1, $2) k`,
    [group, limit],
  );
  return rows.map((row) => ({
    work: row.part === null ? row.queue : `${row.queue}/${row.part}`,
    key: row.key,
    since: new Date(row.since_ms).toISOString(),
    eventId: row.ev_id,
    attempts: row.attempts,
    error: row.last_error ?? undefined,
    nextAt: new Date(row.next_ms).toISOString(),
    isTried: row.is_tried,
    waiting: row.waiting,
  }));
}

export interface MeantKey {
  /** For the logbook. */
  readonly work: string;
  readonly queue: string;
  /** As a consumer. */
  readonly group: string;
  readonly key: string;
}

/**
 * @param isGivenUp the event in front becomes a dead event; else it is tried at once.
 * @returns how many events are behind it; `absent`: no such key is paused; `tried`: it is at work now, and nothing was done.
 */
export async function releaseKey(
  link: Pick<CentralLink, 'use'>,
  { work, queue, group, key }: MeantKey,
  { isGivenUp, operator }: { readonly isGivenUp: boolean; readonly operator: Operator },
): Promise<number | 'absent' | 'tried'> {
  return await noted(link, operator, async (central) => {
    const [row] = await central.query<{ behind: number | null }>(
      'select tributary.lane_skip($1, $2, $3, $4) as behind',
      [queue, group, key, isGivenUp],
    );
    const behind = row?.behind ?? null;
    const result = behind === null ? 'absent' : behind < 0 ? 'tried' : behind;
    const verb = isGivenUp ? 'skipped the event in front of' : 'let the event be tried in front of';
    const note = { kind: 'lane', queues: [work], what: `${verb} key ${key} of ${work}.` } as const;
    return { result, note: typeof result === 'number' ? note : undefined };
  });
}

// A round of one shard: tick what is due and see how far each queue can be moved, in one message.
import type { Fingerprint } from '../central/position.ts';
import type { Connection } from '../postgres/connection.ts';
import { literal } from '../postgres/quote.ts';
import { fill, sqlFile } from '../postgres/sql-file.ts';
import type { QueueOnShard } from './queue-on-shard.ts';

/** A tick with its snapshot's text. */
export interface Tick extends Fingerprint {
  readonly snapshot: string;
}

/** What is asked about one queue. */
export interface RoundRequest {
  readonly queue: QueueOnShard;
  /** Tick of the position. */
  readonly tickId: number;
  /** End of a window that was begun. */
  readonly endTickId: number | undefined;
  /** Most events, by sequence, that the next window should hold. */
  readonly limit: number;
  /** Whether we may tick it. */
  readonly tick: boolean;
}

/** What the shard says about one queue. */
export interface SeenQueue {
  readonly queue: string;
  /** The shard's clock, microseconds since the epoch. */
  readonly nowUs: number;
  /** The tick of the position as it is there now; undefined: it is gone. */
  readonly start: Fingerprint | undefined;
  readonly startSnapshot: string | undefined;
  /** The newest tick; undefined: the queue has none. */
  readonly newest:
    | { readonly id: number; readonly timeUs: number; readonly eventSeq: number; readonly open: boolean }
    | undefined;
  /** How far the next window may reach; undefined: there is no newer usable tick. */
  readonly end: Tick | undefined;
  /** Time of the oldest tick after the position. */
  readonly oldestTickUs: number | undefined;
  /** The event sequence's last value. */
  readonly lastSeq: number;
  /** Whether an event is committed that no tick covers; undefined: not asked. */
  readonly uncovered: boolean | undefined;
  /** Ticks come from somebody else, or are paused, by the queue's own settings. */
  readonly external: boolean;
  readonly tickerPaused: boolean;
  /** The tick that this round made. */
  readonly ticked: number | undefined;
}

const ROUND = sqlFile('shard', 'round.sql');

/** Also asks whether events are committed that no tick covers: exact, but dearer by two index look-ups per table. */
export type Thoroughness = 'quick' | 'exact';

/** @returns what is seen, in the order of the queues' names; queues that do not exist are absent. */
export async function runRound(
  shard: Connection,
  requests: readonly RoundRequest[],
  {
    schema,
    thoroughness,
    timeoutMs = 15_000,
  }: { schema: string; thoroughness: Thoroughness; timeoutMs?: number },
): Promise<SeenQueue[]> {
  const sql = fill(ROUND, {
    schema,
    request: literal(JSON.stringify(requests.map((request, k) => requestJson(request, k)))),
    uncovered: thoroughness === 'exact' ? uncoveredSql(requests) : 'null::boolean',
  });
  const results = await shard.script(sql, { timeoutMs });
  const ticked = new Map(
    (results[3] ?? []).map((row) => [row.queue as string, row.tick_id as number | null]),
  );
  return (results[4] ?? []).map((row) => {
    const queue = (requests[row.k as number] as RoundRequest).queue.queue;
    return toSeen(row, queue, ticked.get(queue) ?? undefined);
  });
}

function requestJson(request: RoundRequest, k: number): Record<string, unknown> {
  return {
    k,
    queue: request.queue.queue,
    tick_id: request.tickId,
    end_tick_id: request.endTickId ?? null,
    limit: request.limit,
    tick: request.tick,
  };
}

/** For each queue: is there a row that began after the newest tick's snapshot, or was open in it and has ended? */
function uncoveredSql(requests: readonly RoundRequest[]): string {
  const cases = requests.map(
    ({ queue: { eventTable } }, k) => `when ${k} then
      exists (select from ${eventTable} e where e.ev_txid >= txid_snapshot_xmax(l.tick_snapshot))
      or exists (select from ${eventTable} e where e.ev_txid = any (array(select txid_snapshot_xip(l.tick_snapshot))))`,
  );
  return `case r.k ${cases.join('\n')} end`;
}

function toSeen(row: Record<string, unknown>, queue: string, ticked: number | undefined): SeenQueue {
  const number = (name: string): number => row[name] as number;
  const has = (name: string): boolean => row[name] !== null;
  return {
    queue,
    nowUs: number('now_us'),
    start: has('start_md5')
      ? {
          id: number('start_id'),
          timeUs: number('start_time_us'),
          eventSeq: number('start_seq'),
          md5: row.start_md5 as string,
        }
      : undefined,
    startSnapshot: (row.start_snapshot as string | null) ?? undefined,
    newest: has('newest_id')
      ? {
          id: number('newest_id'),
          timeUs: number('newest_time_us'),
          eventSeq: number('newest_seq'),
          open: row.newest_open as boolean,
        }
      : undefined,
    end: has('end_id')
      ? {
          id: number('end_id'),
          timeUs: number('end_time_us'),
          eventSeq: number('end_seq'),
          md5: row.end_md5 as string,
          snapshot: row.end_snapshot as string,
        }
      : undefined,
    oldestTickUs: has('oldest_us') ? number('oldest_us') : undefined,
    lastSeq: number('last_seq'),
    uncovered: (row.uncovered as boolean | null) ?? undefined,
    external: row.external as boolean,
    tickerPaused: row.ticker_paused as boolean,
    ticked,
  };
}

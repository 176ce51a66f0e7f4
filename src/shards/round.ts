// A round of one shard: tick what is due and see how far each queue can be moved, in one message.
import type { Fingerprint } from '../central/position.ts';
import { TIMING } from '../lifecycle/timing.ts';
import type { Connection, Row } from '../postgres/connection.ts';
import { type InlineRows, toInlineRows } from './inline-read.ts';
import type { QueueOnShard } from './queue-on-shard.ts';
import {
  BEGIN_ROUND,
  type PreparedRound,
  ROUND_PLANNING,
  type RoundPart,
  type RoundStatement,
  roundTexts,
} from './round-statements.ts';
import { chooseEnd, type PlainTick, type Tick, toTick } from './ticks.ts';

/** What is asked about one queue. */
export interface RoundRequest {
  readonly queue: QueueOnShard;
  /** Tick of the position. */
  readonly tickId: number;
  /** End of a window that was begun. */
  readonly endTickId: number | undefined;
  /** Most events, by sequence, that the next window should hold. */
  readonly limit: number;
  /** Most ticks, from the position's on, that are looked at. */
  readonly ticks: number;
  /** Whether we may tick it. */
  readonly tick: boolean;
  /** A look found events in no tick; default: that is not known. */
  readonly isUncovered?: boolean;
  /** Whether a small window's events are to be read at once; default: not. */
  readonly read?: boolean;
}

/** What the shard says about one queue. */
export interface SeenQueue {
  readonly queue: string;
  /** The shard's clock, microseconds since the epoch. */
  readonly nowUs: number;
  /** The tick of the position as it is there now; undefined: it is gone. */
  readonly start: Fingerprint | undefined;
  readonly startSnapshot: string | undefined;
  /** The newest tick that was looked at; undefined: there is none from the position's on. */
  readonly newest:
    | { readonly id: number; readonly timeUs: number; readonly eventSeq: number; readonly open: boolean }
    | undefined;
  /** There may be newer ticks than those that were looked at. */
  readonly hasMore: boolean;
  /** How far the next window may reach; undefined: there is no newer usable tick. */
  readonly end: Tick | undefined;
  /** Time of the oldest tick after the position. */
  readonly oldestTickUs: number | undefined;
  /** Time of the oldest event after the position's tick; undefined: it is hardly older than the tick after it, or there is none. */
  readonly oldestEventUs?: number | undefined;
  /** The event sequence's last value. */
  readonly lastSeq: number;
  /** Whether an event is committed that no tick covers; undefined: not asked. */
  readonly uncovered: boolean | undefined;
  /** How many transaction ids the queue's ticks are ahead of the server's: it was restored with fewer. */
  readonly missingXids: number;
  /** Transactions below this id were open; undefined: none was. */
  readonly openBelow?: number | undefined;
  /** By the queue's own settings another program ticks it, or ticks are paused. */
  readonly external: boolean;
  readonly tickerPaused: boolean;
  /** The tick that this round made. */
  readonly ticked: number | undefined;
  /** The events of the window up to the newest tick, where they were asked for and are few. */
  readonly inline?: InlineRows | undefined;
}

/** `exact` also asks whether events are committed that no tick covers, for two index look-ups more per table. */
export type Thoroughness = 'quick' | 'exact';

export interface RoundOptions {
  readonly schema: string;
  readonly thoroughness: Thoroughness;
  /** False where no event can be much older than the tick after it, which then need not be asked; default: true. */
  readonly isDated?: boolean;
  readonly timeoutMs?: number;
  /** Made on this connection, for these queues among others; default: the statements are sent as text. */
  readonly prepared?: PreparedRound | undefined;
}

interface RoundStep {
  readonly part?: RoundPart;
  readonly sql: string;
}

const TICKING: ReadonlySet<RoundPart> = new Set(['due', 'tick']);

/** @returns what is seen, in the order of the queues' names; queues that do not exist are absent. */
export async function runRound(
  shard: Connection,
  requests: readonly RoundRequest[],
  { schema, thoroughness, isDated = true, timeoutMs = TIMING.shard.roundMs, prepared }: RoundOptions,
): Promise<SeenQueue[]> {
  const request = JSON.stringify(requests.map(requestJson));
  const isExact = thoroughness === 'exact';
  const queues = requests.map(({ queue }) => queue);
  const reading = requests.filter(isReading).map(({ queue }) => queue.queueId);
  const statements =
    prepared?.statements({ request, isExact, isDated, reading }) ??
    roundTexts(queues, { schema, request, isExact });
  const begin = [...BEGIN_ROUND, ...(prepared === undefined ? ROUND_PLANNING : [])];
  const inTransaction = (some: readonly RoundStatement[]): RoundStep[] => [
    ...begin.map((sql) => ({ sql })),
    ...some,
    { sql: 'commit' },
  ];
  // The locks of the ticks are released before the answer is sent: sending takes as long as the mover takes to read it.
  const steps = [
    ...inTransaction(statements.filter(({ part }) => TICKING.has(part))),
    ...inTransaction(statements.filter(({ part }) => !TICKING.has(part))),
  ];
  const results = await shard.script(steps.map(({ sql }) => sql).join(';\n'), { timeoutMs });
  const rowsOf = (part: RoundPart): Row[] =>
    steps.flatMap((step, at) => (step.part === part ? (results[at] ?? []) : []));
  const ticked = new Map(rowsOf('tick').map((row) => [row.queue as string, row.tick_id as number | null]));
  const left = new Map(rowsOf('covered').map((row) => [row.k as number, row.uncovered as boolean]));
  const inline = new Map(rowsOf('read').map((row) => [row.k as number, toInlineRows(row)]));
  const rows = new Map<number, Row[]>();
  for (const row of rowsOf('see')) rows.set(row.k as number, [...(rows.get(row.k as number) ?? []), row]);
  return [...rows].map(([k, own]) => {
    const asked = requests[k] as RoundRequest;
    return toSeen(asked, own as unknown as readonly RoundRow[], {
      ticked: ticked.get(asked.queue.queue) ?? undefined,
      uncovered: left.get(k),
      inline: inline.get(k),
    });
  });
}

/** What a round, or an exact look, tells of a queue and one of its ticks. */
export interface RoundRow {
  readonly now_us: number;
  readonly external: boolean;
  readonly ticker_paused: boolean;
  readonly last_seq: number;
  readonly tick_id: number | null;
  readonly time_us: number;
  readonly event_seq: number;
  readonly snapshot: string;
  readonly next_xid: number;
  readonly open_xid: number;
  readonly oldest_event_us: number | null;
}

function requestJson(request: RoundRequest, k: number): Record<string, unknown> {
  return {
    k,
    id: request.queue.queueId,
    queue: request.queue.queue,
    tick_id: request.tickId,
    ticks: request.ticks,
    tick: request.tick,
    uncovered: request.isUncovered,
    read: isReading(request),
  };
}

const isReading = ({ read, endTickId }: RoundRequest): boolean => read === true && endTickId === undefined;

/** @param rows of one queue, a tick each. */
export function toSeen(
  asked: Omit<RoundRequest, 'tick'>,
  rows: readonly RoundRow[],
  { ticked, uncovered, inline }: Pick<SeenQueue, 'ticked' | 'uncovered' | 'inline'>,
): SeenQueue {
  const ticks = rows
    .filter((row) => row.tick_id !== null)
    .map(
      (row): PlainTick => ({
        id: row.tick_id as number,
        timeUs: row.time_us,
        eventSeq: row.event_seq,
        snapshot: row.snapshot,
      }),
    );
  const start = ticks[0]?.id === asked.tickId ? toTick(ticks[0]) : undefined;
  const later = start === undefined ? ticks : ticks.slice(1);
  const newest = ticks.at(-1);
  const [first] = rows as [RoundRow];
  return {
    queue: asked.queue.queue,
    nowUs: first.now_us,
    start,
    startSnapshot: start?.snapshot,
    newest: newest && {
      id: newest.id,
      timeUs: newest.timeUs,
      eventSeq: newest.eventSeq,
      open: hasOpen(newest.snapshot),
    },
    hasMore: ticks.length >= asked.ticks,
    end: endOf(asked, start, later),
    oldestTickUs: later[0]?.timeUs,
    oldestEventUs: start === undefined ? undefined : (first.oldest_event_us ?? undefined),
    lastSeq: first.last_seq,
    uncovered,
    missingXids: Math.max(0, ...ticks.map(({ snapshot }) => xmaxOf(snapshot) - first.next_xid)),
    openBelow: first.open_xid < first.next_xid ? first.next_xid : undefined,
    external: first.external,
    tickerPaused: first.ticker_paused,
    ticked,
    inline,
  };
}

function endOf(
  asked: Omit<RoundRequest, 'tick'>,
  start: Tick | undefined,
  later: readonly PlainTick[],
): Tick | undefined {
  if (start === undefined) return undefined;
  const end =
    asked.endTickId === undefined
      ? chooseEnd(start, later, asked.limit)
      : later.find(({ id }) => id === asked.endTickId);
  return end && toTick(end);
}

const xmaxOf = (snapshot: string): number => Number(snapshot.split(':')[1]);

function hasOpen(snapshot: string): boolean {
  const [xmin, xmax] = snapshot.split(':');
  return xmin !== xmax;
}

// The gathered commit: windows of many sources and their positions, in one transaction on central.
//
// Order: the transaction owns its id, then asks for the event table (the other way round a rotation in between loses the
// events), then COPY, then positions (their locks last milliseconds), commit and a tick. What is small goes in one message
// (one-message.ts), what is not in steps.
// Fails by: an error anywhere rolls everything back; an error on commit itself leaves it unknown whether it happened, so
// the caller reads the positions again before it goes on.
import { failPoint, isArmed } from '../../lifecycle/fail-point.ts';
import type { Connection } from '../../postgres/connection.ts';
import { literal } from '../../postgres/quote.ts';
import type { Position } from '../position.ts';
import type { Committed } from './committed.ts';
import { copyIn } from './copy-in.ts';
import { commitInOneMessage, fitsOneMessage, noteTable } from './one-message.ts';
import { type QueueRows, queuesOf, rowsOf, type SpreadRows } from './queue-rows.ts';
import { isCoveredBy, ticksSql } from './tick-sql.ts';

/** One source's step in a commit. */
export interface PositionStep {
  readonly source: number;
  /** Number of the new position: one more than that of `after`. */
  readonly n: number;
  readonly after: Position;
  readonly to: Position;
  /** Events moved by this step, each copy of one counted. */
  readonly rows: number;
  /** Events that this step moves over because no route takes them. */
  readonly unrouted?: number;
}

export interface CommitContent extends SpreadRows {
  readonly steps: readonly PositionStep[];
  /** Events that central refuses: kept as dead events by this commit, which moves the position over them. */
  readonly dead?: readonly DeadOfSource[];
  /** Statements that run in the same transaction. */
  readonly alongsideSql?: string;
}

export interface DeadOfSource {
  readonly source: number;
  /** The central queue that it was for; absent: the source's own. */
  readonly queue?: string | undefined;
  readonly events: readonly DeadRow[];
}

export interface DeadRow {
  /** The row as COPY would have got it. */
  readonly row: Buffer;
  /** The central queue that refuses it; absent: the source's own. */
  readonly queue?: string;
  /** Its event id, where it was found on the shard. */
  readonly id?: number;
  readonly origin: string | undefined;
  readonly error: string;
  readonly sqlstate: string;
}

export interface CommitOptions {
  /** Limit for each answer of central, in ms. */
  readonly timeoutMs: number;
  /** A statement that ties the transaction to its process, so that the next holder of the lease may end it. */
  readonly holdSql: string;
  /** Host of the mover, noted with each position; absent: a command. */
  readonly mover?: string;
}

/** Raised by insert_positions: the position is not where the mover left it. */
const POSITION_MOVED = 'TB010';

/** At most this much of a refused event is kept, with its whole length beside it. */
const MOST_RAW_BYTES = 1024 * 1024;

/** @returns undefined where no event was inserted. */
export async function commitGathered(
  central: Connection,
  { steps, dead = [], alongsideSql, ...rows }: CommitContent,
  { timeoutMs, holdSql, mover }: CommitOptions,
): Promise<Committed | undefined> {
  const parts = rowsOf(rows);
  // Called after the rows were sent: where events are read while we copy, their number is known only then.
  const positions = (copied: readonly QueueRows[]): string =>
    [
      ...queuesOf(copied.filter(({ isDelaying }) => isDelaying === true)).map(keepSql),
      ...dead.map(condemnSql),
      `select tributary.insert_positions(${literal(JSON.stringify(steps.map(stepJson)))}::jsonb${mover === undefined ? '' : `, ${literal(mover)}`})`,
      ...(alongsideSql === undefined ? [] : [alongsideSql]),
    ].join('; ');
  try {
    if (parts.length === 0) {
      await central.script(`begin isolation level read committed; ${positions([])}; commit`, { timeoutMs });
      return undefined;
    }
    const what = { parts, holdSql, behindSql: positions };
    const committed =
      (await inOneMessage(central, what, timeoutMs)) ?? (await inSteps(central, what, timeoutMs));
    await failPoint('commit:committed');
    return committed;
  } catch (error) {
    if (!central.failed) await central.script('rollback', { timeoutMs }).catch(() => {});
    throw error;
  }
}

interface InTransaction {
  readonly parts: readonly QueueRows[];
  readonly holdSql: string;
  readonly behindSql: (parts: readonly QueueRows[]) => string;
}

/** Not where a fail point between the steps is armed: one message has no steps. Nor where events are delayed. */
async function inOneMessage(
  central: Connection,
  { parts, behindSql, holdSql }: InTransaction,
  timeoutMs: number,
): Promise<Committed | undefined> {
  if (parts.some(({ isDelaying }) => isDelaying === true) || !fitsOneMessage(parts)) return undefined;
  if (isArmed('commit:opened') || isArmed('commit:copied')) return undefined;
  return await commitInOneMessage(central, { parts, holdSql, behindSql: behindSql(parts) }, timeoutMs);
}

async function inSteps(
  central: Connection,
  { parts, holdSql, behindSql }: InTransaction,
  timeoutMs: number,
): Promise<Committed> {
  const [first, ...others] = parts as [QueueRows, ...QueueRows[]];
  const opened = await openCommit(central, first, { timeoutMs, holdSql });
  await failPoint('commit:opened');
  const copied: (QueueRows & { readonly table: string })[] = [];
  let { table } = opened;
  for (let part: QueueRows | undefined = first; part !== undefined; ) {
    await copyIn(central, { ...part, table }, timeoutMs);
    copied.push({ ...part, table });
    part = part.following?.() ?? others.shift();
    if (part !== undefined) table = await openNext(central, part, timeoutMs);
  }
  await failPoint('commit:copied');
  // In one message: a mover that freezes cannot leave positions locked, and workers need not wait for another message.
  const queues = queuesOf(copied);
  const text = `${behindSql(copied)}; commit; ${ticksSql(queues, opened.xid)}`;
  const results = await central.script(text, { timeoutMs });
  for (const one of copied) if (one.isDelaying !== true) noteTable(central, one.queue, one.table);
  return { xid: opened.xid, queues, isCovered: isCoveredBy(results) };
}

export interface RowsContent {
  readonly queue: string;
  readonly chunks: readonly Buffer[];
  /** Further statements of the transaction. */
  readonly alongsideSql: string;
}

/**
 * Stores rows that belong to no step of a source: dead events that are retried, each with how often. @throws central's error; nothing is
 * stored then.
 */
export async function commitRows(
  central: Connection,
  { queue, chunks, alongsideSql }: RowsContent,
  options: CommitOptions,
): Promise<void> {
  try {
    const { table } = await openCommit(central, { queue }, options);
    await copyIn(central, { table, chunks, isRetried: true }, options.timeoutMs);
    await central.script(alongsideSql, options);
    await central.script('commit', options);
  } catch (error) {
    if (!central.failed) await central.script('rollback', options).catch(() => {});
    throw error;
  }
}

/**
 * Whether central takes these rows: everything of a commit but the commit itself, deferred constraints included.
 * @returns undefined, or the error.
 */
export async function tryRows(
  central: Connection,
  { queue, chunks, isDelaying = false }: QueueRows & { readonly chunks: readonly Buffer[] },
  options: CommitOptions,
): Promise<unknown> {
  try {
    const { table } = await openCommit(central, { queue, isDelaying }, options);
    await copyIn(central, { table, chunks, isDelaying }, options.timeoutMs);
    if (isDelaying) await central.script(keepSql(queue), options);
    await central.script('set constraints all immediate', options);
    return undefined;
  } catch (error) {
    if (central.failed) throw error;
    return error;
  } finally {
    if (!central.failed) await central.script('rollback', options);
  }
}

/** Another mover moved the source, or central was restored: not the fault of any event. */
export function isPositionMoved(error: unknown): boolean {
  const { code, schema } = error as { code?: unknown; schema?: unknown };
  return code === POSITION_MOVED || (code === '23505' && schema === 'tributary');
}

/**
 * Besides begin_commit, which does it inside the server, the only place that asks for the event table: the transaction has
 * its id before. The server ends it where the mover freezes between two messages: its locks would hold up everything else.
 */
async function openCommit(
  central: Connection,
  { queue, isDelaying = false }: Omit<QueueRows, 'chunks'>,
  { timeoutMs, holdSql }: CommitOptions,
): Promise<{ xid: number; table: string }> {
  const [, , , [own] = [], , , [current] = []] = await central.script(
    `begin isolation level read committed;
     select tributary.commit_patience();
     set local idle_in_transaction_session_timeout = '5s';
     select tributary.begin_events(${literal(queue)}) as xid;
     ${holdSql};
     select set_config('tributary.delayed_queue', ${literal(queue)}, true);
     select ${tableSql(queue, isDelaying)} as event_table`,
    { timeoutMs },
  );
  return { xid: own?.xid as number, table: current?.event_table as string };
}

/** The table of a further queue of the same transaction. */
async function openNext(
  central: Connection,
  { queue, isDelaying = false }: Omit<QueueRows, 'chunks'>,
  timeoutMs: number,
): Promise<string> {
  const [, , [current] = []] = await central.script(
    `select tributary.begin_events(${literal(queue)});
     select set_config('tributary.delayed_queue', ${literal(queue)}, true);
     select ${tableSql(queue, isDelaying)} as event_table`,
    { timeoutMs },
  );
  return current?.event_table as string;
}

const tableSql = (queue: string, isDelaying: boolean): string =>
  isDelaying ? 'tributary.delayed_door()' : `pgq.current_event_table(${literal(queue)})`;

const keepSql = (queue: string): string => `select tributary.keep_delayed(${literal(queue)})`;

function condemnSql({ source, events, queue }: DeadOfSource): string {
  const list = events.map(({ row, origin, error, sqlstate }) => ({
    // NUL is the one character that JSON carries and text does not.
    origin: origin?.replaceAll('\0', '') ?? null,
    raw: row.subarray(0, MOST_RAW_BYTES).toString('base64'),
    raw_length: row.length,
    error,
    sqlstate,
    attempts: 2,
    ...(queue === undefined ? {} : { queue }),
  }));
  return `select tributary.condemn(${source}, ${literal(JSON.stringify(list))}::jsonb)`;
}

function stepJson({ source, n, after, to, rows, unrouted = 0 }: PositionStep): Record<string, unknown> {
  return {
    source,
    n,
    after_tick_id: after.tick.id,
    after_tick_time_us: after.tick.timeUs,
    after_end_tick_id: after.inside?.end.id ?? null,
    after_last_event_id: after.inside?.lastEventId ?? null,
    tick_id: to.tick.id,
    tick_time_us: to.tick.timeUs,
    tick_event_seq: to.tick.eventSeq,
    tick_snapshot_md5: to.tick.md5,
    end_tick_id: to.inside?.end.id ?? null,
    end_tick_time_us: to.inside?.end.timeUs ?? null,
    end_tick_event_seq: to.inside?.end.eventSeq ?? null,
    end_snapshot_md5: to.inside?.end.md5 ?? null,
    last_event_id: to.inside?.lastEventId ?? null,
    moved: rows,
    ...(unrouted === 0 ? {} : { unrouted }),
  };
}
